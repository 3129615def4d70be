"""MNIST (LeCun, Cortes and Burges 1998): 60,000 and 10,000 handwritten digits of 28 px, grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.data.sources import labelled
from pipeline.data.sources.labelled import Parameters

if TYPE_CHECKING:
    from pipeline.data.sources.source import Request

__all__ = ["IS_OWN_WORK", "Parameters", "write"]

IS_OWN_WORK = False
_CLASSES = tuple("0123456789")
_SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}


def write(request: Request, parameters: Parameters) -> None:
    """Read the four IDX files of a folder or of the mirrors into arrays.

    Raises:
        InputError: a file is missing, damaged, or holds something else.
        PipelineError: no mirror gives a file.
    """
    labelled.write_idx(request, parameters, key="data.mnist", sha256=_SHA256, class_names=_CLASSES)
