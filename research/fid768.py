"""FID in Inception's 768-d features of runs at any side: `python -m research.fid768 RUN ...`.

Of each run's folder, 2,000 samples (outputs/generated.npy) against 2,000 images that training did
not see, or crops where the data has none; both enlarged to 64 px and, where they are grey, tiled to
RGB. INCEPTION_PARTIAL names the published part of the 2015-12-05 network. Numbers in these features
are not those of its last 2,048, which papers report.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path

import numpy as np

from pipeline.common import npy
from pipeline.common.paths import Paths
from pipeline.data import held_out
from pipeline.data.dataset import Dataset
from pipeline.images import arrays
from pipeline.images.shape import ImageShape
from pipeline.scoring import mifid
from research.distillation.teacher import Teacher

IMAGES = 2_000
_FEATURES = 768


def features(teacher: Teacher, images: np.ndarray) -> np.ndarray:
    """Return (n, 768) features of the first `IMAGES` images, uint8 (N, side, side, 1 or 3)."""
    few = arrays.conform(images[:IMAGES], ImageShape(64, 3))
    return teacher.features(few)[:, :_FEATURES]


def fid(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the Fréchet distance of two sets of features."""
    return mifid.fid(generated=mifid.statistics(ours), real=mifid.statistics(theirs))


def real_images(paths: Paths) -> np.ndarray:
    """Return the held-out images of a run, or its crops where it has none."""
    dataset = Dataset.load(paths.crops, paths.index)
    unseen = held_out.load(paths.held_out, dataset).images
    return unseen if len(unseen) else dataset.images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run")
    options = parser.parse_args()
    teacher = Teacher(Path(os.environ["INCEPTION_PARTIAL"]))
    known: dict[str, np.ndarray] = {}  # runs of one data set share their real images

    def of(images: np.ndarray) -> np.ndarray:
        key = hashlib.sha256(np.ascontiguousarray(images[:IMAGES])).hexdigest()
        if key not in known:
            known[key] = features(teacher, images)
        return known[key]

    for run in options.runs:
        paths = Paths(run)
        samples = npy.load(paths.generated, made_by="generate")
        real = real_images(paths)
        line = f"{run.name}: FID-768 {fid(of(samples), of(real)):.3f}"
        if len(real) >= 2 * IMAGES:
            line += f"; other real images {fid(of(real[IMAGES:]), of(real)):.3f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
