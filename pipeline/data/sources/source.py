"""What a source of images is: a module of `pipeline.data.sources` with these names.

The schema of params.yaml reads every source's `Parameters`, so that a module imports what it needs
for its work only when it works.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pipeline.common.section import Section


@dataclass(frozen=True)
class Request:
    """What a source gets beside its own parameters.

    Attributes:
        raw: empty folder for `images.tar|.zip` and `annotation.tar|.zip`, or for labelled arrays.
        root: folder that relative paths of params.yaml start from.
        downloads: folder of partial and finished downloads, kept between runs.
        competition: slug on Kaggle.
        timeout_s: seconds without a byte before a download counts as cut.
        retries: further attempts per mirror.
        retry_wait_s: seconds before the first of them.
    """

    raw: Path
    root: Path
    downloads: Path
    competition: str
    timeout_s: float
    retries: int
    retry_wait_s: float

    def user_path(self, text: str) -> Path:
        """Return a path of params.yaml: `~` is the home folder, a relative one starts at `root`."""
        return self.root / Path(text).expanduser()


class Source(Protocol):
    """A source of images.

    Attributes:
        Parameters: the source's sub-section of `data`.
        IS_OWN_WORK: whether its images are the project's own, so that a report may show them
            without asking: photos have terms of their own.
    """

    Parameters: type[Section]
    IS_OWN_WORK: bool

    @staticmethod
    def write(request: Request, parameters: Any) -> None:
        """Write two archives of photos and boxes into `request.raw`, or labelled arrays
        (`data.arrays.raw`).

        Raises:
            PipelineError: the source cannot be had, or is not usable.
        """
