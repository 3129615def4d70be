"""Labelled data to test with: scikit-learn's handwritten digits, as the first stages leave them."""

from pathlib import Path

import numpy as np

from pipeline.common.paths import Paths
from pipeline.data import held_out
from pipeline.data.arrays import crops
from pipeline.data.arrays.raw import LabelledImages, RawArrays
from pipeline.data.dataset import Dataset
from pipeline.data.sources.registry import SOURCES, section_name
from pipeline.data.sources.source import Request
from tests import factories

NAMES = tuple("9876543210")  # not in the order in which a data set sorts them


def digits(root: Path, *, held_out_count: int = 297, side_px: int = 32) -> Paths:
    """Return a folder with crops, index and test set of the 1,797 digits, where stages can run."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = (found.images * 255 / 16).round().astype(np.uint8)[..., None]
    labels = 9 - found.target.astype(np.int64)
    end = len(images) - held_out_count
    raw = RawArrays(
        LabelledImages(images[:end], labels[:end]),
        LabelledImages(images[end:], labels[end:]),
        NAMES,
    )
    paths = Paths(root)
    crops.write(
        raw, side_px=side_px, crops=paths.crops, index_csv=paths.index, test_set=paths.held_out
    )
    return paths


def load(paths: Paths) -> tuple[Dataset, Dataset]:
    """Return the data set of a folder and its test set."""
    dataset = Dataset.load(paths.crops, paths.index)
    return dataset, held_out.load(paths.held_out, dataset)


def of_folder(paths: Paths, source: str, folder: Path) -> Paths:
    """Fill a folder with the crops, index and test set of a source whose files lie in `folder`."""
    settings = factories.tiny(**{f"data.{section_name(source)}.path": str(folder)}).data
    request = Request(
        raw=paths.raw,
        root=paths.root,
        downloads=paths.downloads,
        competition="none",
        timeout_s=1,
        retries=0,
        retry_wait_s=0,
    )
    paths.raw.mkdir(parents=True)
    SOURCES[source].write(request, getattr(settings, section_name(source)))
    crops.write(
        RawArrays.load(paths.raw),
        side_px=32,
        crops=paths.crops,
        index_csv=paths.index,
        test_set=paths.held_out,
    )
    return paths
