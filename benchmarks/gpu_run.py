"""The parts of gpu.sh that need Python: a run's folder, and the score of its images.

python -m benchmarks.gpu_run prepare FOLDER drawn|CROPS.zip [section.key=value ...]
python -m benchmarks.gpu_run score FOLDER
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import gpu_crops
from pipeline.common import devices
from pipeline.common.paths import Paths
from pipeline.config import content, params, presets
from pipeline.scoring.sample_evaluator import SampleEvaluator
from pipeline.stages import crop, download

REPOSITORY = Path(__file__).resolve().parents[1]
PRESET = "kaggle-kernel"
DRAWN_PHOTOS = 300


def prepare(folder: Path, crops: str, assignments: list[str]) -> None:
    """Write parameters (those of the Kaggle kernel, and the given ones) and crops with an index."""
    paths = Paths(folder)
    preset = presets.read(REPOSITORY / "presets", PRESET).values
    given = dict(assignment.split("=", 1) for assignment in assignments)
    values = {key: content.parse_yaml(text, where=key) for key, text in given.items()}
    own = {
        "kaggle.preset": None,
        "train.score_every_images": 0,
        "crop.side_px": 64,
        "data.drawn.pictures": DRAWN_PHOTOS,
    }
    shipped = content.read(REPOSITORY / "params.yaml")
    whole = content.override(shipped, {**preset, **own, **values})
    settings = params.parse(whole, where="gpu.sh")
    write(folder / "params.yaml", whole)
    one_step = content.override(whole, {"train.images": settings.train.batch_size, "train.seed": 2})
    write(folder / "one_step.yaml", one_step)
    if crops == "drawn":
        download.run(paths, data=settings.data, competition=settings.competition)
        crop.run(paths, crop=settings.crop)
        return
    gpu_crops.unpack(Path(crops), folder)


def write(path: Path, values: dict) -> None:
    """Write parameters as JSON, which is YAML, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1))


def score(folder: Path) -> None:
    """Print MiFID of all generated images against as many crops, by the embedded network."""
    paths = Paths(folder)
    device = devices.pick("auto").type
    images = np.load(paths.generated)
    start = time.perf_counter()
    evaluator = SampleEvaluator(np.load(paths.crops), count=len(images), seed=1, device=device)
    found = evaluator(images)
    seconds = time.perf_counter() - start
    print(json.dumps({"images": len(images), "seconds": round(seconds, 2), **found}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("prepare", "score"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("rest", nargs="*")
    options = parser.parse_args()
    if options.what == "score":
        score(options.folder)
    elif options.rest:
        prepare(options.folder, options.rest[0], options.rest[1:])
    else:
        sys.exit("prepare: name the crops, or `drawn`")


if __name__ == "__main__":
    main()
