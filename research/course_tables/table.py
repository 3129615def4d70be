"""Score the trained runs and print the tables: `python -m research.course_tables.table --work DIR`.

Of each run 10,000 samples against MNIST's 10,000 test images: the Fréchet distance in the
classifier's features (FCD; the classifier is trained once, below DIR), the share of the rarest
digit as the classifier reads the samples and, where INCEPTION_PARTIAL names the published part of
the 2015-12-05 Inception network, the Fréchet distance in its 768-d features of 2,000 images tiled
to RGB. A scored run is a JSON file and is not scored again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path

import numpy as np
import torch

from pipeline.common import files, progress
from pipeline.common.paths import Paths
from pipeline.data import held_out
from pipeline.data.dataset import Dataset
from pipeline.images import arrays
from pipeline.models.saved import SavedGenerator
from pipeline.scoring.classifier import saved as classifiers
from pipeline.stages import classify
from research import fid768
from research.course_tables.runs import (
    LAYERS,
    RATES,
    REPORTED_LAYERS,
    REPORTED_RATES,
    TableRun,
)
from research.course_tables.train import folder_name, seeds_of, settings_of
from research.distillation.teacher import Teacher

SAMPLES = 10_000
STRIP_SAMPLES = 16
CPU = torch.device("cpu")


def class_shares(predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return the share of each class, (classes,)."""
    return np.bincount(predicted, minlength=classes) / len(predicted)


def score(
    folder: Path,
    classifier: classifiers.SavedClassifier,
    real: np.ndarray,
    teacher: Teacher | None,
    real_inception: np.ndarray | None,
) -> dict[str, float]:
    """Return the scores of a run, and write its strip of samples."""
    generator = SavedGenerator.load(Paths(folder).generator, CPU)
    samples = generator.sample(1, SAMPLES)
    files.write_bytes(
        folder / "strip.png",
        arrays.encode_png(arrays.grid(samples[:STRIP_SAMPLES], STRIP_SAMPLES, gap_px=1)),
    )
    shares = class_shares(classifier.predict(samples), classifier.classes)
    found = {
        "fcd": fid768.fid(classifier.features(samples), real),
        "rarest_class_share": float(shares.min()),
        "largest_class_share": float(shares.max()),
    }
    if teacher is not None and real_inception is not None:
        found["fid_768"] = fid768.fid(fid768.features(teacher, samples), real_inception)
    return found


def row(run: TableRun, work: Path) -> str:
    """Return a line of the table: medians over the seeds, and the range where there are several."""
    scores = [
        json.loads((work / folder_name(run, seed) / "scores.json").read_text())
        for seed in seeds_of(run)
    ]
    cells = [run.name, str(len(scores))]
    for key in ("fcd", "fid_768", "rarest_class_share"):
        values = [each[key] for each in scores if key in each]
        if not values:
            cells.append("")
            continue
        median = f"{statistics.median(values):.3g}"
        spread = f" ({min(values):.3g} to {max(values):.3g})" if len(values) > 1 else ""
        cells.append(median + spread)
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="as research.course_tables.train")
    options = parser.parse_args()
    work = options.work
    data = Paths(work)
    settings = settings_of(RATES[0], seed=1, images=1, mnist="")
    if not data.classifier.is_file():
        wanted = settings.classifier.model_copy(update={"train": True})
        classify.run(data, device="cpu", classifier=wanted)
    classifier = classifiers.load(data.classifier, CPU)
    dataset = Dataset.load(data.crops, data.index)
    test = held_out.load(data.held_out, dataset)
    real = classifier.features(test.images)
    teacher, real_inception = None, None
    if "INCEPTION_PARTIAL" in os.environ:
        teacher = Teacher(Path(os.environ["INCEPTION_PARTIAL"]))
        real_inception = fid768.features(teacher, test.images)
    for run in (*RATES, *LAYERS):
        for seed in seeds_of(run):
            folder = work / folder_name(run, seed)
            if (folder / "scores.json").is_file() or not Paths(folder).generator.is_file():
                continue
            found = score(folder, classifier, real, teacher, real_inception)
            progress.say(f"{run.name}, seed {seed}: {found}")
            files.write_json(folder / "scores.json", found)
    head = "| row | seeds | FCD | FID-768, tiled | rarest digit's share |"
    for rows, reported in ((RATES, REPORTED_RATES), (LAYERS, REPORTED_LAYERS)):
        print(head, "|---|---|---|---|---|", sep="\n")
        for run in rows:
            print(row(run, work))
        # Not beside the rows: the report's combinations are known for some of its rows only.
        print(f"\nThe report's own FIDs, in its order: {', '.join(map(str, reported))}\n")


if __name__ == "__main__":
    main()
