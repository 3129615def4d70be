"""Stage `bundle`: the package and its parameters become one kernel, kernels/dcgan/."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pipeline
from pipeline.common import progress
from pipeline.kaggle.bundle import kernel

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.common.paths import Paths
    from pipeline.config.schema import Crop, Data, Generate, Kaggle, Model, Package, Train

SECTIONS = ("data", "crop", "model", "train", "generate", "package", "kaggle")
# The kernel finds the data itself, and paths of this machine or addresses are nobody's business.
_KAGGLE_DATA = {
    "source": "kaggle",
    "kaggle_path": None,
    "folder": None,
    "images_mirrors": ["unused"],
    "annotation_mirrors": ["unused"],
    "images_sha256": None,
    "annotation_sha256": None,
}
_NO_SCORES = {"score_every_images": 0, "keep": "last"}


def run(
    paths: Paths,
    *,
    data: Data,
    crop: Crop,
    model: Model,
    train: Train,
    generate: Generate,
    package: Package,
    kaggle: Kaggle,
) -> None:
    """Write kernel-metadata.json and the code file into `paths.kernel`. Needs no data.

    Raises:
        PipelineError: the kernel would be too large.
    """
    sections = {
        "data": data,
        "crop": crop,
        "model": model,
        "train": train,
        "generate": generate,
        "package": package,
    }
    built = kernel.build(
        Path(pipeline.__file__).parent.parent,
        parameters={
            "params": _inside(sections, kaggle.kernel_params),
            "time_limit_hours": kaggle.time_limit_hours,
            "room_minutes": kaggle.room_minutes,
        },
        kernel_type=kaggle.kernel_type,
        username=kaggle.username,
        slug=kaggle.kernel_slug,
        competition=kaggle.competition,
        machine_shape=kaggle.machine_shape,
        private=kaggle.private,
    )
    progress.heading("bundle", f"{built.code_file}, {len(built.code.encode()) / 1e3:.0f} KB")
    kernel.save(paths.kernel, built)
    progress.say(f"{built.metadata['id']}, sha256 {built.key[:16]}…")
    if kaggle.username is None:
        progress.say(
            "note: set kaggle.username in params.yaml to your Kaggle name and bundle again before "
            "you push"
        )


def _inside(sections: Mapping[str, BaseModel], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the kernel runs with them: `kernel_params` applied, the data Kaggle's own,
    and no scores while training, which need a feature network that stays at home."""
    inside = {name: section.model_dump() for name, section in sections.items()}
    for name, value in changes.items():
        section, _, key = name.partition(".")
        if key and section in inside:
            inside[section][key] = value
    inside["data"] |= _KAGGLE_DATA
    inside["train"] |= _NO_SCORES
    checked = {name: type(sections[name]).model_validate(inside[name]) for name in inside}
    plain = {name: section.model_dump(mode="json") for name, section in checked.items()}
    return {"device": "auto"} | plain
