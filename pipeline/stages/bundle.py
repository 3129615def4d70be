"""Stage `bundle`: the package and its parameters become one kernel, kernels/dcgan/."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pipeline
from pipeline.common import progress
from pipeline.common.errors import InputError
from pipeline.competitions.registry import profile_of
from pipeline.config import content, params, presets
from pipeline.kaggle import kernel
from pipeline.kaggle.bundle import build

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.common.paths import Paths
    from pipeline.config.schema import Crop, Data, Generate, Kaggle, Model, Train

SECTIONS = ("competition", "data", "crop", "model", "train", "generate", "kaggle")
# What no preset changes. A kernel finds the data itself, paths of this machine and addresses
# are private, and a score while training needs a feature network, which the kernel does not carry.
_IN_A_KERNEL: Mapping[str, Any] = {
    "data.source": "kaggle",
    "data.kaggle.path": None,
    "data.folder.path": None,
    "data.stanford_dogs.images_mirrors": ["unused"],
    "data.stanford_dogs.images_sha256": None,
    "data.stanford_dogs.annotation_mirrors": ["unused"],
    "data.stanford_dogs.annotation_sha256": None,
    "train.score_every_images": 0,
    "train.stop_when": "done",
    "train.keep": "last",
}


def run(
    paths: Paths,
    *,
    competition: str,
    data: Data,
    crop: Crop,
    model: Model,
    train: Train,
    generate: Generate,
    kaggle: Kaggle,
) -> None:
    """Write kernel-metadata.json and the code file into `paths.kernel`. Needs no data.

    Raises:
        PipelineError: there is no such preset, the kernel would be too large, or the competition
            takes none.
    """
    profile = profile_of(competition)
    if profile.kernel is None:
        raise InputError(f"competition: {competition} takes no kernel")
    preset = {}
    if kaggle.preset:
        folder = presets.folder_of(paths.root / "params.yaml")
        preset = presets.read(folder, kaggle.preset).values
    sections = {"data": data, "crop": crop, "model": model, "train": train, "generate": generate}
    built = build.build(
        Path(pipeline.__file__).parent.parent,
        parameters={
            "params": _of_kernel(competition, sections, preset),
            "time_limit_hours": kaggle.time_limit_hours or profile.kernel.hours,
            "room_minutes": kaggle.room_minutes,
            "machine_shape": kaggle.machine_shape,
        },
        kernel_type=kaggle.kernel_type,
        username=kaggle.username,
        slug=kaggle.kernel_slug or profile.kernel.slug,
        competition=competition,
        machine_shape=kaggle.machine_shape,
        private=kaggle.private,
    )
    progress.heading("bundle", f"{built.code_file}, {len(built.code.encode()) / 1e3:.0f} KB")
    kernel.save(paths.kernel, built)
    progress.say(f"{built.metadata['id']}, sha256 {built.key[:16]}…")
    if taken := profile.count_fault(built.parameters["params"]["generate"]["count"]):
        progress.say(f"note: {competition} takes {taken} images (generate.count)")
    if kaggle.username is None:
        progress.say(
            "note: set kaggle.username in params.yaml to your Kaggle name and bundle again before "
            "you push"
        )


def _of_kernel(
    competition: str, sections: Mapping[str, BaseModel], preset: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters that the kernel runs with: the sections with the preset's values, and
    what is fixed in a kernel. The preset's values for other sections have no use there."""
    plain = {"device": "auto", "competition": competition}
    plain |= {name: section.model_dump(mode="json") for name, section in sections.items()}
    changes = {key: value for key, value in preset.items() if key.split(".")[0] in sections}
    changed = content.override(plain, changes | _IN_A_KERNEL)
    for name, value in changed.items():
        params.parse_section(name, value)
    return changed
