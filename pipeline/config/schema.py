"""The schema of params.yaml: every section and key, its type, its range, and what must agree.

Stages get their sections as these frozen models.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    field_validator,
    model_validator,
)

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, lt=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# Lists of the file become tuples: strict about what they hold, not about that.
Range = Annotated[tuple[float, float], Strict(False)]
Texts = Annotated[tuple[str, ...], Strict(False), Field(min_length=1)]


class Section(BaseModel):
    """A section of params.yaml: frozen, complete (no defaults), without unknown keys, and strict
    (no "12" for 12, no yes for true)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Data(Section):
    """Which pictures."""

    source: Literal["drawn", "stanford-dogs", "folder", "kaggle"]
    drawn_pictures: int = Field(ge=24, le=100_000)
    drawn_seed: int = Field(ge=0)
    images_mirrors: Texts
    images_sha256: Sha256 | None
    annotation_mirrors: Texts
    annotation_sha256: Sha256 | None
    folder: str | None
    kaggle_path: str | None
    kaggle_competition: str = Field(pattern=r"^[a-z0-9-]+$")
    timeout_s: float = Field(gt=0)
    retries: int = Field(ge=0, le=100)
    retry_wait_s: float = Field(ge=0, le=60)

    @model_validator(mode="after")
    def _folder_is_named(self) -> "Data":
        if self.source == "folder" and not self.folder:
            raise ValueError("folder must name a directory of pictures when source is 'folder'")
        return self


class Crop(Section):
    """How a box becomes a square."""

    side_px: Literal[32, 64, 128]
    mode: Literal["square", "stretch", "pad"]
    margin: Share
    min_side_px: int = Field(ge=1)
    aspect_min: float = Field(gt=0)
    aspect_max: float = Field(gt=0)
    whole_photos: bool
    max_bad_share: Share

    @model_validator(mode="after")
    def _aspects_are_ordered(self) -> "Crop":
        if self.aspect_min > self.aspect_max:
            raise ValueError(
                f"aspect_min ({self.aspect_min}) must not exceed aspect_max ({self.aspect_max})"
            )
        return self


class Reference(Section):
    """The real side of the score."""

    extractor: Literal["embedded", "inception"]
    pictures: Literal["photos", "crops"]
    inception_weights: str = Field(min_length=1)
    precision: Literal["float32", "bfloat16"]
    flips: bool
    held_out: int = Field(ge=2)


class Model(Section):
    """The networks."""

    name: Literal["dcgan"]
    latent_dim: int = Field(ge=2, le=1024)
    channels: int = Field(ge=4, le=512)
    minibatch_stddev: bool


class Train(Section):
    """The GAN's training."""

    seed: int = Field(ge=0, lt=2**63)
    images: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    lr: Rate
    lr_g: Rate | None
    lr_d: Rate | None
    beta1: float = Field(ge=0, lt=1)
    beta2: float = Field(ge=0, lt=1)
    real_labels: Range
    fake_labels: Range
    swap_labels: float = Field(ge=0, le=0.5)
    flips: bool
    r1: float = Field(ge=0)
    ema_halflife_images: float = Field(ge=0)
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    compile: bool
    log_every_images: int = Field(ge=1)
    sample_every_images: int = Field(ge=1)
    score_every_images: int = Field(ge=0)
    keep: Literal["last", "best"]
    stop_on_collapse: bool
    processes: Annotated[int, Field(ge=1, le=64)] | Literal["auto"]
    threads: Annotated[int, Field(ge=1, le=1024)] | None
    deterministic: bool
    checkpoint_minutes: float = Field(gt=0)
    time_limit_hours: Annotated[float, Field(gt=0)] | None
    fresh: bool

    @model_validator(mode="after")
    def _the_best_is_scored(self) -> "Train":
        if self.keep == "best" and self.score_every_images == 0:
            raise ValueError("keep: best needs scores; set score_every_images above 0")
        return self

    @field_validator("real_labels", "fake_labels")
    @classmethod
    def _low_before_high(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError("must be [low, high] with low <= high")
        return value


class Generate(Section):
    """The submission's images."""

    count: int = Field(ge=1)
    seed: int = Field(ge=0, lt=2**63)
    truncation: Annotated[float, Field(ge=0.1)] | None


class Package(Section):
    """The zip."""

    count: int = Field(ge=1)


class Score(Section):
    """MiFID of the zip."""

    epsilon: float = Field(ge=0, lt=1e-3)
    threshold: Share | None
    neighbours: int = Field(ge=1, le=100)
    nearest: int = Field(ge=1, le=256)


class Kaggle(Section):
    """The account and the kernel."""

    competition: str = Field(pattern=r"^[a-z0-9-]+$")
    username: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] | None
    kernel_slug: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", min_length=5, max_length=50)
    kernel_type: Literal["script", "notebook"]
    machine_shape: str = Field(min_length=1)
    private: bool
    time_limit_hours: float = Field(gt=0, le=12)
    room_minutes: float = Field(ge=0)
    timeout_s: float = Field(gt=0)
    retries: int = Field(ge=0, le=20)
    retry_delay_s: float = Field(gt=0)
    kernel_params: Mapping[str, Any]


class Submit(Section):
    """The push."""

    mode: Literal["dry-run", "file", "kernel"]
    message: str = Field(min_length=1, max_length=200)
    deadline_hours: float = Field(gt=0)
    poll_s: float = Field(gt=0)


class Report(Section):
    """The page."""

    show_photos: bool


class Params(Section):
    """All of params.yaml."""

    device: Literal["auto", "cpu", "cuda", "mps"]
    data: Data
    crop: Crop
    reference: Reference
    model: Model
    train: Train
    generate: Generate
    package: Package
    score: Score
    kaggle: Kaggle
    submit: Submit
    report: Report

    @model_validator(mode="after")
    def _photos_are_of_the_competition(self) -> "Params":
        # Two keys, so that a change of the account's section fetches no photos again.
        theirs, ours = self.data.kaggle_competition, self.kaggle.competition
        if self.data.source == "kaggle" and theirs != ours:
            raise ValueError(
                f"data.kaggle_competition ({theirs}) must equal kaggle.competition ({ours})"
            )
        return self

    @model_validator(mode="after")
    def _zip_holds_what_is_generated(self) -> "Params":
        if self.package.count != self.generate.count:
            raise ValueError(
                f"package.count ({self.package.count}) must equal generate.count "
                f"({self.generate.count})"
            )
        return self
