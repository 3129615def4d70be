"""The whole distillation at its smallest."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.drawn import archives
from pipeline.scoring.extractors import embedded
from research.distillation import distill, gans, student
from research.distillation.evaluation import EvaluationAmounts
from research.distillation.families import FamilyRun
from research.distillation.training_sets import TrainingAmounts
from tests import factories


@pytest.mark.slow
def test_it_trains_calibrates_evaluates_and_continues_from_what_it_kept(
    tmp_path: Path, random_inception: Path
) -> None:
    dogs = tmp_path / "dogs"
    archives.write(dogs, pictures=240, seed=5, processes=1)
    run = gans.Run(1, 2, 1e-3, "bce", "transposed", "crops", images=200, batch=2)
    weights_file = tmp_path / "made" / "embedded.safetensors"
    report = tmp_path / "report"

    others = {
        part: {kind: factories.noise(4, 28, seed=3)[..., 0]}
        for part, kind in (("training", "squares"), ("test", "stripes"))
    }
    first = TrainingAmounts(
        photos=24, crops=8, corrupted_of_each=2, corrupted=24, deformed=4, distorted_of_each=0,
        random=0, drawn=160, drawn_photos=8, drawn_crops=8, samples=2, corrupted_samples=4,
        retouched_of_each=0, subjects_of_each=0, scenes_of_each=0, runs={"seen": run},
    )  # fmt: skip
    family = FamilyRun(48, {"model.dcgan.channels": 4, "train.batch_size": 4})
    more = dataclasses.replace(
        first, photos=32, distorted_of_each=1, random=4, random_from=30, retouched_of_each=2,
        subjects_of_each=2, scenes_of_each=2, runs={"seen": run, "own family": family},
    )  # fmt: skip

    def make(last: student.Recipe) -> None:
        distill.make(
            dogs,
            random_inception,
            others,
            tmp_path / "work",
            weights=weights_file,
            report=report,
            stages=(
                distill.Stage(first, student.Recipe(epochs=1, batch=16)),
                distill.Stage(more, last),
            ),
            evaluation_amounts=EvaluationAmounts(
                images=4, samples=4, copy_images=20, reference=12, runs={"unseen": run}
            ),
        )

    recipe = student.Recipe(epochs=1, batch=16, lr=1e-3)
    make(recipe)
    weights, table = weights_file.read_bytes(), (report / "evaluation.csv").read_bytes()
    assert embedded.load(weights=weights_file).memorization_threshold >= 0
    assert (report / "evaluation.png").is_file()
    rows = list(csv.DictReader(table.decode().splitlines()))
    assert {"generator", "copies", "near-copies", "dropped breeds", "other subject"} <= {
        row["family"] for row in rows
    }
    assert all(np.isfinite(float(row["fid"])) for row in rows)

    weights_file.unlink()
    networks = set((tmp_path / "work").glob("network.*"))
    assert len(networks) == 2
    kept = [*networks, *(tmp_path / "work").rglob("*.npy")]
    before = {path: path.stat().st_mtime_ns for path in kept}
    make(recipe)
    assert weights_file.read_bytes() == weights
    assert (report / "evaluation.csv").read_bytes() == table
    assert {path: path.stat().st_mtime_ns for path in before} == before

    # Another recipe for the last stage trains that one anew, and nothing else.
    make(dataclasses.replace(recipe, lr=2e-3))
    assert weights_file.read_bytes() != weights
    assert len(set((tmp_path / "work").glob("network.*")) - networks) == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(
    "variable", ["DOGS_PHOTOS", "INCEPTION_PARTIAL", *distill.DATA_SETS.values()]
)
def test_a_missing_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("images.tar", "annotation.tar", "inception.npz"):
        (tmp_path / name).touch()
    monkeypatch.setenv("DOGS_PHOTOS", str(tmp_path))
    monkeypatch.setenv("INCEPTION_PARTIAL", str(tmp_path / "inception.npz"))
    for folder in distill.DATA_SETS.values():
        monkeypatch.setenv(folder, str(tmp_path))
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    monkeypatch.setattr("sys.argv", ["distill", "--work", str(tmp_path / "work")])
    with pytest.raises(SystemExit, match=f"^error: {variable} = .*nowhere.*: set this") as stopped:
        distill.main()
    assert "\n" not in stopped.value.code
    assert not (tmp_path / "work").exists()
