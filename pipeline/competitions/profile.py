"""What a profile of a competition says. None stands for what the organisers do not publish."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.competitions.form import Encoding, SubmissionFormat
from pipeline.images.shape import ImageShape


@dataclass(frozen=True)
class DataPart:
    """Files of a competition's data that the chain reads.

    Attributes:
        archive: the archive of data/raw that they become: images or annotation.
        name: the folder that holds them, or the zip without its suffix; compared without case.
        top: folder that their names start with in the archive.
    """

    archive: str
    name: str
    top: str


@dataclass(frozen=True)
class DataLayout:
    """How a competition's data lie.

    Attributes:
        parts: as a kernel finds them below input/, and as they lie once unpacked.
        downloads: the zips that the API gives.
        is_one_zip: whether the only download is the zip of all files, which holds the parts as
            folders; otherwise each part is a zip of its own.
    """

    parts: tuple[DataPart, ...]
    downloads: tuple[str, ...]
    is_one_zip: bool


@dataclass(frozen=True)
class KernelRules:
    """What a competition allows the kernel whose output is submitted.

    Attributes:
        hours: how long it may run.
        slug: the kernel's name where params.yaml gives none; its title is the same words.
    """

    hours: float
    slug: str


@dataclass(frozen=True)
class Protocol:
    """How a competition scores. None: not published.

    Attributes:
        network: the feature network, by its name in `reference.extractor`.
        threshold: memorisation distances below it are penalised.
        real_side: the real images, by their name in `reference.pictures`.
    """

    network: str | None = None
    threshold: float | None = None
    real_side: str | None = None


@dataclass(frozen=True)
class Leaderboard:
    """Public scores that are known, lower is better.

    Attributes:
        title: of a plot of them, and where they come from.
        marks: single scores by what they are.
        band: what the scores of one kind are, and the lowest and the highest.
    """

    title: str
    marks: tuple[tuple[str, float], ...]
    band: tuple[str, float, float]


@dataclass(frozen=True)
class Profile:
    """A competition.

    Attributes:
        name: the value of the parameter `competition`; the slug on Kaggle, the last part of the
            competition's address, except for `none`.
        shape: side and channels of the submission's images; None takes those of the data.
        counts: least and greatest number of images.
        name_digits: least number of digits in a file's name.
        encoding: of the files.
        crop_sides: sides of crops whose samples may be brought to `shape`.
        kernel: None where nothing can be submitted.
        data: None where the competition has none.
        protocol: how it scores.
        leaderboard: public scores that are known; None where there is none.
        pretrained_weights: whether its rules allow them.
    """

    name: str
    shape: ImageShape | None
    counts: tuple[int, int]
    name_digits: int
    encoding: Encoding
    crop_sides: tuple[int, ...]
    kernel: KernelRules | None
    data: DataLayout | None
    protocol: Protocol
    leaderboard: Leaderboard | None
    pretrained_weights: bool | None

    def form(self, own: ImageShape) -> SubmissionFormat:
        """Return the submission's format. `own` is the shape of the data's images, which holds
        where the competition asks for none."""
        shape = self.shape or own
        return SubmissionFormat(self.name, shape, self.counts, self.name_digits, self.encoding)

    def count_fault(self, count: int) -> str | None:
        """Return which numbers of images are taken, in words; None where `count` is one."""
        least, most = self.counts
        if least <= count <= most:
            return None
        return f"exactly {least:,}" if least == most else f"{least:,} to {most:,}"

    def is_official(self, *, network: str, precision: str, pictures: str) -> bool:
        """Return whether a score is computed as the organisers compute theirs: by the published
        network at full precision against the published real side."""
        published = (self.protocol.network, "float32", self.protocol.real_side)
        return (network, precision, pictures) == published
