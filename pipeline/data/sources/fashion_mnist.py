"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747): 60,000 and 10,000 articles of
clothing of 28 px, grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.data.sources import labelled
from pipeline.data.sources.labelled import Parameters

if TYPE_CHECKING:
    from pipeline.data.sources.source import Request

__all__ = ["IS_OWN_WORK", "Parameters", "write"]

IS_OWN_WORK = False
_CLASSES = (
    "T-shirt",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
    ),
    "train-labels-idx1-ubyte.gz": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
    ),
}


def write(request: Request, parameters: Parameters) -> None:
    """Read the four IDX files of a folder or of the mirrors into arrays.

    Raises:
        InputError: a file is missing, damaged, or holds something else.
        PipelineError: no mirror gives a file.
    """
    labelled.write_idx(
        request, parameters, key="data.fashion_mnist", sha256=_SHA256, class_names=_CLASSES
    )
