"""The objective of a variational autoencoder: the evidence lower bound, ELBO (Kingma and Welling
2014, arXiv 1312.6114; with beta: Higgins et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from pipeline.training.engine import precision
from pipeline.training.engine.objective import Metric

if TYPE_CHECKING:
    from pipeline.config.schema import Train
    from pipeline.training.engine.batches import Batch
    from pipeline.training.engine.distributed import Distributed

# The posterior has collapsed onto the prior where it has told so little of an image, in nats, for
# so many rows: the decoder then does without latents (Bowman et al. 2016).
_COLLAPSED_NATS = 0.05
_COLLAPSED_ROWS = 20
# A perfect reconstruction has no density; levels of 8 bits are 0.008 apart.
_LEAST_VARIANCE = 1e-6


class VariationalObjective:
    """An encoder and a decoder with one optimiser.

    Reconstruction is the expected negative log likelihood of the image, in nats an image; KL is the
    divergence of the posterior from N(0, 1); ELBO = −(reconstruction + KL) whatever beta is.
    """

    rate_factor = 1.0
    weight_streams: ClassVar = {
        "generator": "weights of the decoder",
        "encoder": "weights of the encoder",
    }
    metrics = (
        Metric("elbo", "ELBO", "ELBO (nats an image)", in_summary=True),
        Metric("reconstruction", "reconstruction", "loss (nats an image)", in_summary=True),
        Metric("kl", "KL", "loss (nats an image)", in_summary=True),
        Metric("grad_norm", "encoder and decoder", "gradient norm"),
    )

    def __init__(
        self,
        networks: dict[str, nn.Module],
        *,
        train: Train,
        device: torch.device,
        distributed: Distributed,
        conditional: bool,
    ) -> None:
        """
        Args:
            networks: `generator` (the decoder, which holds the encoder), on the device, with its
                initial weights.
            conditional: whether both are told the class of an image.
        """
        self._settings = train.variational
        self._train = train
        self._device = device
        self._dtype = precision.pick(train.precision, device)
        self._conditional = conditional
        self.generator = networks["generator"]
        self._autoencoder = _Autoencoder(self.generator)
        distributed.synchronise_batch_norm(self._autoencoder, device, twice_differentiable=False)
        if train.compile:
            self._autoencoder.compile()
        self._shared = distributed.wrap(self._autoencoder, device)
        self._distributed = distributed
        self.optimizer = precision.adam(self._autoencoder, train.lr, train, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self._dtype == torch.float16)

    def step(self, batch: Batch, number: int) -> Tensor:
        """Take a step up the bound; return `metrics`, float32 (4,), on the device. The batch's
        latents are the noise of the reparametrisation."""
        rate = self._train.lr * self.rate_factor
        precision.set_rate(self.optimizer, rate, self._train, number)
        images = binarised(batch.images) if self._settings.binarise else batch.images
        labels = batch.labels if self._conditional else None
        with precision.autocast(self._dtype, self._device):
            logits, mean, log_variance = self._shared(images, batch.latents, labels)
        reconstruction = self._nll(logits.float(), images, self._distributed.mean).mean()
        kl = kl_divergence(mean.float(), log_variance.float()).mean()
        loss = reconstruction + self._settings.beta * kl
        norm = precision.descend(loss, self._autoencoder, self.optimizer, self.scaler)
        self.scaler.update()
        return torch.stack([-(reconstruction + kl), reconstruction, kl, norm]).detach()

    @torch.inference_mode()
    def held_out_metrics(self, generator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return ELBO, reconstruction and KL of images that training does not see, one latent drawn
        for each."""
        images = binarised(batch.images) if self._settings.binarise else batch.images
        labels = batch.labels if self._conditional else None
        logits, mean, log_variance = _Autoencoder(generator)(images, batch.latents, labels)
        reconstruction = self._nll(logits, images, lambda variance: variance).mean()
        kl = kl_divergence(mean, log_variance).mean()
        return {"elbo": -(reconstruction + kl), "reconstruction": reconstruction, "kl": kl}

    def advice(self, shows: float) -> str | None:
        """Return None: few images do no harm that an option of ours would mend."""
        return None

    def warning(self, rows: list[dict[str, Any]]) -> str | None:
        """Return that the posterior has collapsed, where it has."""
        recent = rows[-_COLLAPSED_ROWS:]
        if len(recent) == _COLLAPSED_ROWS and all(row["kl"] < _COLLAPSED_NATS for row in recent):
            return (
                f"KL below {_COLLAPSED_NATS} nats for {_COLLAPSED_ROWS} rows: the latents say "
                f"nothing of the image (posterior collapse); lower train.variational.beta"
            )
        return None

    def state_dict(self) -> dict[str, Any]:
        """Return the state of both networks, the optimiser and the gradient scaler."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _nll(
        self, logits: Tensor, images: Tensor, over_processes: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Return the negative log likelihood of each image, (N,) nats.

        Args:
            over_processes: the mean over the parts of a batch.
        """
        if self._settings.likelihood == "bernoulli":
            return bernoulli_nll(logits, images)
        squares = (torch.tanh(logits.detach() / 2) - images).square()
        variance = over_processes(squares.mean()).clamp_min(_LEAST_VARIANCE)
        return gaussian_nll(logits, images, variance)

    def _parts(self) -> dict[str, Any]:
        return {
            "autoencoder": self._autoencoder,
            "optimizer": self.optimizer,
            "scaler": self.scaler,
        }


class _Autoencoder(nn.Module):
    """Encoder, reparametrisation and decoder as one network, whose gradients several processes
    average together."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self, images: Tensor, noise: Tensor, labels: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (N, channels, side, side), mean and log variance (N, latent_dim)."""
        mean, log_variance = self.decoder.encoder(images, labels)
        latents = mean + (log_variance / 2).exp() * noise
        return self.decoder.logits(latents, labels), mean, log_variance


def binarised(images: Tensor) -> Tensor:
    """Return images in [-1, 1] as −1 or 1, cut at the middle grey."""
    return (images >= 0).to(images.dtype).mul_(2).sub_(1)


def bernoulli_nll(logits: Tensor, images: Tensor) -> Tensor:
    """Return the negative log likelihood of each image, (N,) nats: pixels in [0, 1] as
    probabilities of white, independent of each other (cross-entropy)."""
    levels = (images + 1) / 2
    return binary_cross_entropy_with_logits(logits, levels, reduction="none").sum((1, 2, 3))


def gaussian_nll(logits: Tensor, images: Tensor, variance: Tensor) -> Tensor:
    """Return the negative log density of each image, (N,) nats: pixels in [-1, 1], independent of
    each other, with mean tanh(logits / 2).

    Args:
        variance: of all pixels, a scalar. The mean squared error of the batch is the one that makes
            the density highest (sigma-VAE: Rybkin, Daniilidis and Levine 2021, arXiv 2006.13202);
            as the loss is flat there, no gradient need pass through it.
    """
    squares = (torch.tanh(logits / 2) - images).square()
    density = squares / variance + variance.log() + math.log(2 * math.pi)
    return 0.5 * density.sum((1, 2, 3))


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) ‖ N(0, 1)) of each row of (N, D), (N,) nats: closed form of
    Kingma and Welling 2014, appendix B."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
