"""Runs of the two stages that submit, as a user runs them, on images of noise."""

import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.common.paths import Paths
from pipeline.kaggle import kernel
from pipeline.stages import submit_file, submit_kernel
from pipeline.submission.writer import write_zip as write_images
from tests.factories import noise
from tests.forms import DOGS
from tests.kaggle import competition
from tests.standins.kaggle_api import SMALL, USER, KaggleStandIn

SLUG = "small-dogs-kernel"

# A kernel as built ones are, but for the training: the zip lies among the data.
FAST_KERNEL = """
import os, shutil, sys
from pathlib import Path

MARK = "0123456789abcdef"
PARAMETERS = r'''
{"params": {"generate": {"count": %d}}}
'''
root = Path(os.environ["DOGS_KAGGLE_ROOT"])
print("kernel", MARK)
print("copying")
shutil.copyfile(root / "input" / "%s" / "images.zip", root / "working" / "images.zip")
"""


def write_zip(path: Path) -> None:
    """A valid submission of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_noise())


@cache
def _noise() -> bytes:
    images = noise(competition.COUNT, 64)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.zip"
        write_images(path, images, DOGS)
        return path.read_bytes()


def write_kernel(paths: Paths, kaggle: KaggleStandIn, code: str | None = None) -> kernel.Kernel:
    """A small kernel in kernels/dcgan, and on Kaggle the data that it copies."""
    write_zip(kaggle.mounted / "images.zip")
    code = FAST_KERNEL % (competition.COUNT, SMALL) if code is None else code
    metadata = {
        "id": f"{USER}/{SLUG}",
        "title": SLUG.replace("-", " "),
        "code_file": f"{SLUG}.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": True,
        "enable_internet": False,
        "machine_shape": "NvidiaTeslaT4",
        "competition_sources": [SMALL],
    }
    built = kernel.Kernel(f"{SLUG}.py", code, metadata)
    kernel.save(paths.kernel, built)
    return built


def submit_zip(paths: Paths, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Run submit-file in mode file. Returns the receipt."""
    settings = competition.parameters({"submit.mode": "file"} | dict(changes or {}))
    submit_file.run(paths, **{name: getattr(settings, name) for name in submit_file.SECTIONS})
    return json.loads(paths.submission.read_text())


def submit_bundle(paths: Paths, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Run submit-kernel in mode kernel. Returns the receipt."""
    settings = competition.parameters({"submit.mode": "kernel"} | dict(changes or {}))
    submit_kernel.run(paths, **{name: getattr(settings, name) for name in submit_kernel.SECTIONS})
    return json.loads(paths.submission.read_text())
