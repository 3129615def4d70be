"""Street View House Numbers, cropped (Netzer et al. 2011): 73,257 and 26,032 photos of digits of
32 px, RGB."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipeline.common.errors import InputError
from pipeline.data.sources import labelled
from pipeline.data.sources.labelled import Parameters

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.data.arrays.raw import LabelledImages
    from pipeline.data.sources.source import Request

__all__ = ["IS_OWN_WORK", "Parameters", "write"]

IS_OWN_WORK = False
_CLASSES = tuple("0123456789")
_LIMIT_BYTES = 2 << 30  # the largest of its files, `extra`, has 1.6 GB
_SHA256 = {
    "train_32x32.mat": ("435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"),
    "test_32x32.mat": ("cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"),
}


def write(request: Request, parameters: Parameters) -> None:
    """Read the two MATLAB files of a folder or of the mirrors into arrays.

    Raises:
        InputError: a file is missing, damaged, or holds something else.
        PipelineError: no mirror gives a file.
    """
    from pipeline.data.arrays.raw import split

    found = labelled.files_of(request, parameters, key="data.svhn", sha256=_SHA256, check=read)
    train, test = (read(found[name]) for name in _SHA256)
    split(train, test, parameters.split, _CLASSES).write(request.raw)


def read(path: Path) -> LabelledImages:
    """Return the images and labels of one file; its label 10 is the digit 0.

    Raises:
        InputError: it is missing, damaged, or holds something else.
    """
    import numpy as np
    from scipy.io import loadmat, whosmat

    from pipeline.data.arrays.raw import LabelledImages, require_labels

    try:
        with open(path, "rb") as file:
            # What the file says of itself comes first, so that no bomb is inflated.
            shapes = {name: (shape, kind) for name, shape, kind in whosmat(file)}
            shape, kind = shapes["X"]
            if kind == "uint8" and math.prod(shape) <= _LIMIT_BYTES:
                content = loadmat(file, variable_names=["X", "y"])
                images, labels = content["X"], content["y"].reshape(-1).astype(np.int64)
    except FileNotFoundError:
        raise InputError(f"{path}: not there") from None
    except Exception as error:  # scipy's reader raises what the damage has it raise
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{path}: no MATLAB file with X and y ({reason})") from None
    if kind != "uint8" or len(shape) != 4 or shape[2] != 3:
        raise InputError(f"{path}: X is {kind} {shape}, not uint8 (height, width, 3, N)")
    if math.prod(shape) > _LIMIT_BYTES:
        raise InputError(f"{path}: X has {math.prod(shape):,} bytes, SVHN has not so many")
    if len(labels) and not (labels.min() >= 1 and labels.max() <= 10):
        raise InputError(f"{path}: y has labels {labels.min()} to {labels.max()}, not 1 to 10")
    found = LabelledImages(images.transpose(3, 0, 1, 2), labels % 10)
    require_labels(found.images, found.labels, len(_CLASSES), str(path))
    return found
