"""The schema of params.yaml: every section and key, its type, its range, and what must agree.

Stages get their sections as these frozen models. The sub-sections of `data` and `model` are the
parameters of the sources and families: each owns its own, and the two registries list them.
"""

from typing import Annotated, Literal

from pydantic import Field, Strict, create_model, field_validator, model_validator

from pipeline.common.section import Range, Rate, Section, Share
from pipeline.competitions.registry import COMPETITIONS
from pipeline.config import combinations
from pipeline.data.sources.registry import SOURCES, section_name
from pipeline.models.registry import FAMILIES


def _one_of(names: tuple[str, ...]) -> type[str]:
    """The type of a string that is one of `names`."""
    return Literal[names]  # type: ignore[return-value]


class _Data(Section):
    """Which images: the source, and what each source needs."""

    source: _one_of(tuple(SOURCES))  # type: ignore[valid-type]
    timeout_s: float = Field(gt=0, le=3600)
    retries: int = Field(ge=0, le=100)
    retry_wait_s: float = Field(ge=0, le=60)


Data = create_model(
    "Data",
    __base__=_Data,
    **{section_name(name): (source.Parameters, ...) for name, source in SOURCES.items()},
)


class Crop(Section):
    """How a box becomes a square."""

    side_px: Literal[16, 32, 64, 128, 256]
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


class Classifier(Section):
    """A small network that tells the data's classes apart."""

    train: bool
    seed: int = Field(ge=0, lt=2**63)
    images: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    lr: Rate


class ReferenceInception(Section):
    """The official Inception network."""

    weights: str = Field(min_length=1)
    precision: Literal["float32", "bfloat16"]


class Reference(Section):
    """The real side of the score."""

    extractor: Literal["embedded", "inception", "classifier"]
    pictures: Literal["photos", "crops"]
    flips: bool
    parts: bool
    held_out: int = Field(ge=2)
    inception: ReferenceInception


class _Model(Section):
    """The networks: the family, and what each family needs."""

    name: _one_of(tuple(FAMILIES))  # type: ignore[valid-type]
    latent_dim: int = Field(ge=2, le=1024)


Model = create_model(
    "Model",
    __base__=_Model,
    **{name: (family.Parameters, ...) for name, family in FAMILIES.items()},
)


Augmentations = Annotated[
    tuple[Literal["colour", "translation", "cutout"], ...], Strict(False), Field(min_length=1)
]


class Adversarial(Section):
    """The objective of a GAN."""

    loss: Literal["bce", "hinge"]
    real_labels: Range
    fake_labels: Range
    swap_labels: float = Field(ge=0, le=0.5)
    r1: float = Field(ge=0)
    d_steps: int = Field(ge=1, le=100)
    augment: Augmentations | None
    lr_g: Rate | None
    lr_d: Rate | None

    @field_validator("augment")
    @classmethod
    def _each_once(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value and len(set(value)) != len(value):
            raise ValueError("must name each augmentation once")
        return value

    @field_validator("real_labels", "fake_labels")
    @classmethod
    def _low_before_high(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError("must be [low, high] with low <= high")
        return value


class Variational(Section):
    """The objective of a VAE."""

    likelihood: Literal["bernoulli", "gaussian"]
    beta: float = Field(ge=0)
    binarise: bool

    @model_validator(mode="after")
    def _binary_images_are_bernoulli(self) -> "Variational":
        if self.binarise and self.likelihood != "bernoulli":
            raise ValueError("binarise: true needs likelihood: bernoulli")
        return self


class Train(Section):
    """The GAN's training."""

    seed: int = Field(ge=0, lt=2**63)
    images: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    lr: Rate
    lr_decay: Literal["constant", "linear"]
    beta1: float = Field(ge=0, lt=1)
    beta2: float = Field(ge=0, lt=1)
    flips: bool
    ema_halflife_images: float = Field(ge=0)
    adversarial: Adversarial
    variational: Variational
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    compile: bool
    log_every_images: int = Field(ge=1)
    sample_every_images: int = Field(ge=1)
    score_every_images: int = Field(ge=0)
    keep: Literal["last", "best"]
    stop_on_collapse: bool
    stop_when: Literal["done", "plateau"]
    patience_images: int = Field(ge=1)
    on_divergence: Literal["stop", "retry"]
    processes: Annotated[int, Field(ge=1, le=64)] | Literal["auto"]
    threads: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"]
    deterministic: bool
    checkpoint_minutes: float = Field(gt=0)
    time_limit_hours: Annotated[float, Field(gt=0)] | None
    fresh: bool

    @model_validator(mode="after")
    def _the_best_is_scored(self) -> "Train":
        if self.keep == "best" and self.score_every_images == 0:
            raise ValueError("keep: best needs scores; set score_every_images above 0")
        if self.stop_when == "plateau" and self.score_every_images == 0:
            raise ValueError("stop_when: plateau needs scores; set score_every_images above 0")
        return self


class Generate(Section):
    """The submission's images."""

    count: int = Field(ge=1)
    seed: int = Field(ge=0, lt=2**63)
    truncation: Annotated[float, Field(ge=0.1)] | None


class Score(Section):
    """MiFID of the zip."""

    epsilon: float = Field(ge=0, lt=1e-3)
    threshold: Share | None
    neighbours: int = Field(ge=1, le=100)
    nearest: int = Field(ge=1, le=256)
    classification_accuracy: bool


class Kaggle(Section):
    """The account and the kernel."""

    username: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] | None
    kernel_slug: (
        Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", min_length=5, max_length=50)]
        | None
    )
    kernel_type: Literal["script", "notebook"]
    machine_shape: str = Field(min_length=1)
    private: bool
    preset: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None
    time_limit_hours: Annotated[float, Field(gt=0, le=12)] | None
    room_minutes: float = Field(ge=0)
    timeout_s: float = Field(gt=0, le=3600)
    retries: int = Field(ge=0, le=20)
    retry_delay_s: float = Field(gt=0, le=60)


class Submit(Section):
    """The push."""

    mode: Literal["dry-run", "file", "kernel"]
    message: str = Field(min_length=1, max_length=200)
    deadline_hours: float = Field(gt=0)
    poll_s: float = Field(gt=0, le=3600)


class Report(Section):
    """The page."""

    show_photos: bool


class Params(Section):
    """All of params.yaml."""

    device: Literal["auto", "cpu", "cuda", "mps"]
    competition: str
    data: Data
    crop: Crop
    classifier: Classifier
    reference: Reference
    model: Model
    train: Train
    generate: Generate
    score: Score
    kaggle: Kaggle
    submit: Submit
    report: Report

    @field_validator("competition")
    @classmethod
    def _has_a_profile(cls, value: str) -> str:
        if value not in COMPETITIONS:
            raise ValueError(f"there are {', '.join(COMPETITIONS)}")
        return value

    @model_validator(mode="after")
    def _fits_the_competition(self) -> "Params":
        if faults := combinations.faults(self):
            raise ValueError("; ".join(faults))
        return self

    @model_validator(mode="after")
    def _a_folder_is_named(self) -> "Params":
        if self.data.source == "folder" and not self.data.folder.path:
            raise ValueError(
                "data.folder.path must name a directory of images when data.source is 'folder'"
            )
        return self

    @model_validator(mode="after")
    def _a_classifier_is_trained(self) -> "Params":
        users = {
            "reference.extractor: classifier": self.reference.extractor == "classifier",
            "score.classification_accuracy: true": self.score.classification_accuracy,
        }
        for setting, is_set in users.items():
            if is_set and not self.classifier.train:
                raise ValueError(f"{setting} needs a classifier; set classifier.train to true")
        return self
