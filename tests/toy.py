"""A family of models and an objective that are no GAN, for tests of what knows no family: a linear
variational autoencoder (Kingma and Welling 2014), with classes where asked."""

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from pipeline.common.section import Section
from pipeline.config.schema import Train
from pipeline.images.shape import ImageShape
from pipeline.models.family import NetworkSize
from pipeline.models.layers import embedded
from pipeline.models.registry import FAMILIES
from pipeline.training.engine.batches import Batch
from pipeline.training.engine.distributed import Distributed
from pipeline.training.engine.objective import Metric
from pipeline.training.engine.registry import OBJECTIVES
from tests import factories


class Parameters(Section):
    """The sub-section `model.toy`."""

    width: int
    conditional: bool


class ObjectiveParameters(Section):
    """The sub-section `train.least_squares`."""

    beta: float


class ToyModel(Section):
    """The section `model`, with a family that the schema does not know."""

    name: str
    latent_dim: int
    toy: Parameters


class ToyTrain(Train):
    """The section `train`, with an objective that the schema does not know."""

    least_squares: ObjectiveParameters


class Decoder(nn.Module):
    """Latents, and classes where there are some, to images."""

    def __init__(self, size: NetworkSize, width: int) -> None:
        super().__init__()
        self.shape = size.shape
        self.first = nn.Linear(size.latent_dim, width)
        self.classes = nn.Embedding(size.classes, width) if size.classes else None
        self.norm = nn.BatchNorm1d(width)
        self.last = nn.Linear(width, size.shape.channels * size.shape.side_px**2)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        features = self.first(latents)
        if self.classes is not None:
            features = features + embedded(self.classes, labels)
        side = self.shape.side_px
        return self.last(self.norm(features)).tanh().unflatten(1, (self.shape.channels, side, side))


class Toy:
    """The family."""

    Parameters = Parameters
    OBJECTIVE = "least_squares"

    @staticmethod
    def require(parameters: Parameters, shape: ImageShape) -> None:
        """Accept every shape."""

    @staticmethod
    def is_conditional(parameters: Parameters) -> bool:
        return parameters.conditional

    @staticmethod
    def build(parameters: Parameters, size: NetworkSize) -> dict[str, nn.Module]:
        pixels = size.shape.channels * size.shape.side_px**2
        return {
            "encoder": nn.Sequential(nn.Flatten(), nn.Linear(pixels, 2 * size.latent_dim)),
            "generator": Decoder(size, parameters.width),
        }

    @staticmethod
    def initialise(network: nn.Module, seed: int) -> None:
        source = torch.Generator().manual_seed(seed)
        for weight in network.parameters():
            nn.init.normal_(weight, 0.0, 0.1, generator=source)


class LeastSquares:
    """The objective: minus the evidence lower bound, with a squared error for the pixels."""

    rate_factor = 1.0
    weight_streams: ClassVar = {"generator": "weights of decoder", "encoder": "weights of encoder"}
    metrics = (
        Metric("elbo", "ELBO", "evidence lower bound (nats)", in_summary=True),
        Metric("kl", "KL", "divergence (nats)", in_summary=True),
    )

    def __init__(
        self,
        networks: dict[str, nn.Module],
        *,
        train: ToyTrain,
        device: torch.device,
        distributed: Distributed,
        conditional: bool,
    ) -> None:
        self.generator = networks["generator"]
        self.networks = nn.ModuleDict(networks)
        self.conditional = conditional
        self.beta = train.least_squares.beta
        self.optimizer = torch.optim.Adam(self.networks.parameters(), lr=train.lr)

    def step(self, batch: Batch, number: int) -> Tensor:
        mean, log_variance = self.networks["encoder"](batch.images).chunk(2, dim=1)
        latents = mean + (log_variance / 2).exp() * batch.latents
        made = self.generator(latents, batch.labels if self.conditional else None)
        error = (made - batch.images).square().sum((1, 2, 3)).mean() / 2
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        self.optimizer.zero_grad()
        (error + self.beta * kl).backward()
        self.optimizer.step()
        return torch.stack([-error - kl, kl]).detach()

    def advice(self, shows: float) -> str | None:
        return "train for less long" if shows > 1000 else None

    def held_out_metrics(self, generator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        made = generator(batch.latents, batch.labels if self.conditional else None)
        return {"error": (made - batch.images).square().mean()}

    def warning(self, rows: list[dict[str, Any]]) -> str | None:
        return "posterior collapse" if rows and rows[-1]["kl"] < 1e-3 else None

    def state_dict(self) -> dict[str, Any]:
        return {"networks": self.networks.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.networks.load_state_dict(state["networks"])
        self.optimizer.load_state_dict(state["optimizer"])


def register(monkeypatch: pytest.MonkeyPatch, objective: type = LeastSquares) -> None:
    """Let the package know the family `toy` and its objective until the test ends."""
    monkeypatch.setitem(FAMILIES, "toy", Toy)
    monkeypatch.setitem(OBJECTIVES, "least_squares", objective)


def settings(*, conditional: bool = False, **changes: Any) -> tuple[ToyModel, ToyTrain]:
    """Return the sections `model` and `train` of a tiny training of the family."""
    model = {"name": "toy", "latent_dim": 8, "toy": {"width": 12, "conditional": conditional}}
    train = factories.tiny(**changes).train.model_dump() | {"least_squares": {"beta": 0.5}}
    return ToyModel.model_validate(model), ToyTrain.model_validate(train)
