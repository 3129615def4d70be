"""Train the runs of the tables: `python -m research.course_tables.train --mnist FOLDER --work DIR`.

A run is a folder below DIR with its generator and history; a finished one is not trained again, a
stopped one goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pipeline
from pipeline.common import progress
from pipeline.common.paths import Paths
from pipeline.config import content, params, presets
from pipeline.stages import crop, download, train
from research.course_tables.runs import LAYERS, RATES, SEEDS, TableRun

PRESET = "mnist-vanilla-gan"


def settings_of(run: TableRun, *, seed: int, images: int, mnist: str) -> params.Params:
    """Return the parameters of a run: defaults, preset, the row's changes."""
    repository = Path(pipeline.__file__).parent.parent
    folder = presets.folder_of(repository / "params.yaml")
    preset = presets.read(folder, PRESET).values
    own = {"train.seed": seed, "train.images": images, "data.mnist.path": mnist}
    values = content.read(repository / "params.yaml")
    changed = params.override(values, {**preset, **run.changes, **own, "kaggle.preset": None})
    return params.parse(changed, where=run.name)


def folder_name(run: TableRun, seed: int) -> str:
    """Return the name of a run's folder."""
    words = "".join(letter if letter.isalnum() else " " for letter in run.name)
    return "-".join([*words.split(), f"seed{seed}"])


def seeds_of(run: TableRun) -> tuple[int, ...]:
    """Return the seeds that a run is trained with."""
    return SEEDS if run.is_decisive else SEEDS[:1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", required=True, help="folder with the four IDX files")
    parser.add_argument("--work", type=Path, required=True, help="keeps data and runs")
    parser.add_argument("--images", type=int, default=600_000, help="ten epochs")
    options = parser.parse_args()
    data = Paths(options.work)
    for run in (*RATES, *LAYERS):
        for seed in seeds_of(run):
            settings = settings_of(run, seed=seed, images=options.images, mnist=options.mnist)
            if not data.crops.is_file():
                download.run(data, data=settings.data, competition=settings.competition)
                crop.run(data, crop=settings.crop)
            paths = Paths(options.work / folder_name(run, seed))
            if paths.training.is_file():
                continue
            progress.say(f"### {run.name}, seed {seed}")
            paths.crops.parent.mkdir(parents=True, exist_ok=True)
            for name in (data.crops, data.index, data.held_out):
                link = paths.crops.parent / name.name
                if not link.exists():
                    link.symlink_to(name.resolve())
            train.run(paths, device="cpu", model=settings.model, train=settings.train)


if __name__ == "__main__":
    main()
