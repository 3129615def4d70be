"""CIFAR-10 (Krizhevsky 2009): 50,000 and 10,000 photos of ten kinds, 32 px, RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.common.errors import InputError
from pipeline.data.sources import labelled
from pipeline.data.sources.labelled import Parameters

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.data.sources.source import Request

__all__ = ["IS_OWN_WORK", "Parameters", "write"]

IS_OWN_WORK = False
_SHA256 = {
    "cifar-10-python.tar.gz": ("6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"),
}


def write(request: Request, parameters: Parameters) -> None:
    """Read the python batches of a folder or of the mirrors into arrays.

    Raises:
        InputError: a file is missing, damaged, or holds something else.
        PipelineError: no mirror gives the file.
    """
    from pipeline.data.arrays import cifar
    from pipeline.data.arrays.raw import split

    train, test, class_names = cifar.read(_file(request, parameters))
    if parameters.split != "train" and not len(test.images):
        raise InputError(f"data.cifar10.split = {parameters.split!r}: there is no test_batch")
    split(train, test, parameters.split, class_names).write(request.raw)


def _file(request: Request, parameters: Parameters) -> Path:
    """Return the archive, or the folder that it unpacks to."""
    if parameters.path is not None:
        path = request.user_path(parameters.path)
        for folder in (path, path / "cifar-10-batches-py"):
            if (folder / "batches.meta").is_file():
                return folder
    from pipeline.data.arrays import cifar

    found = labelled.files_of(
        request, parameters, key="data.cifar10", sha256=_SHA256, check=cifar.read
    )
    return found["cifar-10-python.tar.gz"]
