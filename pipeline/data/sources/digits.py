"""1,797 handwritten digits of 8 px, grey (Alpaydin and Kaynak 1998), which come with the package
scikit-learn: real data without a download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from pipeline.common.section import Section

if TYPE_CHECKING:
    from pipeline.data.sources.source import Request

IS_OWN_WORK = True  # free to show: https://archive.ics.uci.edu/dataset/80, CC BY 4.0
_WHITE = 16  # the data's levels are 0 to 16


class Parameters(Section):
    """The sub-section `data.digits`."""

    held_out: int = Field(ge=0, le=1000)


def write(request: Request, parameters: Parameters) -> None:
    """Write the digits as arrays; the last `held_out` are the test set."""
    import numpy as np
    from sklearn.datasets import load_digits

    from pipeline.data.arrays.raw import LabelledImages, RawArrays

    found = load_digits()
    levels = (found.images * 255 / _WHITE).round().astype(np.uint8)[..., None]
    labels = found.target.astype(np.int64)
    end = len(levels) - parameters.held_out
    RawArrays(
        training=LabelledImages(levels[:end], labels[:end]),
        held_out=LabelledImages(levels[end:], labels[end:]),
        class_names=tuple("0123456789"),
    ).write(request.raw)
