"""The sources of images, by the names that `data.source` takes. A new one: its module, a line here,
its sub-section of params.yaml."""

from pipeline.data.sources import (
    cifar10,
    digits,
    drawn,
    fashion_mnist,
    folder,
    kaggle,
    mnist,
    stanford_dogs,
    svhn,
)
from pipeline.data.sources.source import Source

SOURCES: dict[str, Source] = {
    "drawn": drawn,
    "stanford-dogs": stanford_dogs,
    "folder": folder,
    "kaggle": kaggle,
    "digits": digits,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "cifar10": cifar10,
    "svhn": svhn,
}


def section_name(source: str) -> str:
    """Return the key of a source's sub-section: `stanford-dogs` has `data.stanford_dogs`."""
    return source.replace("-", "_")
