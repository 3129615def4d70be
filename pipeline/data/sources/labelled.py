"""What the sources of labelled arrays share: their parameters, and how their files are had."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.common.errors import InputError
from pipeline.common.section import Section, Texts

if TYPE_CHECKING:
    from pipeline.data.sources.source import Request

Split = Literal["train", "test", "both"]


class Parameters(Section):
    """The sub-section of a source whose files are downloaded, or lie in a folder."""

    path: str | None
    mirrors: Texts
    pinned: bool
    split: Split


def files_of(
    request: Request,
    parameters: Parameters,
    *,
    key: str,
    sha256: Mapping[str, str],
    check: Callable[[Path], object],
) -> dict[str, Path]:
    """Return the path of each file of a data set.

    Args:
        key: of the sub-section, for messages: `data.mnist`.
        sha256: the original files' names and SHA-256.
        check: raises InputError where a file is not what it should be.

    Raises:
        InputError: the folder or a file is not there, or not what it should be.
        PipelineError: no mirror gives a file.
    """
    if parameters.path is not None:
        return _local(request.user_path(parameters.path), key, sha256)
    from pipeline.download import mirrors
    from pipeline.download.retry import RetryPolicy

    folder = request.downloads / key.rpartition(".")[2]
    for name, digest in sha256.items():
        mirrors.fetch(
            [f"{mirror.rstrip('/')}/{name}" for mirror in parameters.mirrors],
            folder / name,
            keep=folder,
            base=request.root,
            sha256=digest if parameters.pinned else None,
            policy=RetryPolicy(request.timeout_s, request.retries, request.retry_wait_s),
            check=functools.partial(_checked, check),
        )
    return {name: folder / name for name in sha256}


def _checked(check: Callable[[Path], object], path: Path) -> None:
    check(path)


def _local(folder: Path, key: str, sha256: Mapping[str, str]) -> dict[str, Path]:
    """Return the files of a folder in the original layout, packed or unpacked."""
    if not folder.is_dir():
        raise InputError(f"{key}.path: {folder}: no such folder")
    found = {}
    for name in sha256:
        candidates = [folder / name, folder / name.removesuffix(".gz")]
        there = [path for path in candidates if path.exists()]
        if not there:
            raise InputError(f"{key}.path: {folder}: neither {name} nor it unpacked is there")
        found[name] = there[0]
    return found


def write_idx(
    request: Request,
    parameters: Parameters,
    *,
    key: str,
    sha256: Mapping[str, str],
    class_names: tuple[str, ...],
) -> None:
    """Write the arrays of a data set in MNIST's four files.

    Args:
        sha256: of the files, in the order training images and labels, test images and labels.

    Raises:
        InputError: a file is missing, damaged, or holds something else.
        PipelineError: no mirror gives a file.
    """
    from pipeline.data.arrays import idx
    from pipeline.data.arrays.raw import LabelledImages, require_labels, split

    names = list(sha256)
    dimensions = {name: 3 if "images" in name else 1 for name in names}
    found = files_of(
        request,
        parameters,
        key=key,
        sha256=sha256,
        check=lambda path: idx.read(path, dimensions=3 if "images" in path.name else 1),
    )
    arrays = {name: idx.read(found[name], dimensions=dimensions[name]) for name in names}
    parts = []
    for images_name, labels_name in (names[:2], names[2:]):
        images, labels = arrays[images_name][..., None], arrays[labels_name].astype("int64")
        require_labels(images, labels, len(class_names), str(found[images_name]))
        parts.append(LabelledImages(images, labels))
    split(*parts, parameters.split, class_names).write(request.raw)
