"""The objective of a GAN (Goodfellow et al. 2014): a discriminator tells real images from generated
ones, a generator learns to be taken for real."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.common import randomness
from pipeline.models.layers import Dropout, SpectralNorm
from pipeline.training.engine import augment as augmentation
from pipeline.training.engine import losses, precision
from pipeline.training.engine.beside import Beside
from pipeline.training.engine.objective import Metric

if TYPE_CHECKING:
    from pipeline.config.schema import Train
    from pipeline.training.engine.batches import Batch
    from pipeline.training.engine.distributed import Distributed

# The penalty comes each so many steps, so many times as strong, and costs a sixteenth of its time
# (lazy regularisation: Karras et al. 2020, arXiv 1912.04958, section 3.1).
R1_EVERY_STEPS = 16
# D has won where it has told real from generated for so many rows by so much, as a share of what a
# perfect D can show: its targets are no 1 and 0 where labels are smoothed.
_WON_ROWS = 20
_WON_BY = 0.95
# From about so many times on, D has seen the images so often that augmentation is worth a try.
_SHOWS_BY_HEART = 20


@dataclass(frozen=True)
class _LossOfSide:
    """D's loss on the real or on the generated images of a batch; scalars, float32.

    Attributes:
        total: mean over the images, for D to descend.
        loss: the same number, detached.
        probability: mean of D's output in (0, 1).
    """

    total: Tensor
    loss: Tensor
    probability: Tensor


class AdversarialObjective:
    """A generator and a discriminator with their optimisers; a step trains each once.

    As in the DCGAN tutorial, one batch of generated images serves both: D learns from it detached,
    then G through D's new weights. With `d_steps` = n, G learns in the last of each n steps. Real
    and generated images pass D as separate batches, so that batch norm sees each alone. Gradients
    that nothing would use are not computed: D's in G's half of a step, G's where it does not learn.

    On a CPU, where there is a core for it, D learns from the real images beside the rest, up to its
    update: of a step's 11 passes through a network, forward or backward, 8 are left in a row.
    """

    rate_factor = 1.0
    weight_streams: ClassVar = {"generator": "weights of G", "discriminator": "weights of D"}
    metrics = (
        Metric("loss_d", "D", "loss (nats)", in_summary=True),
        Metric("loss_g", "G", "loss (nats)", in_summary=True),
        Metric("d_real", "D(x)", "discriminator output", in_summary=True),
        Metric("d_fake", "D(G(z))", "discriminator output", in_summary=True),
        Metric("grad_norm_d", "D", "gradient norm"),
        Metric("grad_norm_g", "G", "gradient norm"),
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
            networks: `generator` and `discriminator`, on the device, with their initial weights.
            conditional: whether both are told the class of an image.
        """
        self._settings = train.adversarial
        self._train = train
        self._device = device
        self._dtype = precision.pick(train.precision, device)
        self._conditional = conditional
        self.generator = networks["generator"]
        self.discriminator = networks["discriminator"]
        # At these sizes launching kernels takes longest on a GPU. A graph's buffers stay where they
        # were when it was recorded, and spectral norm makes a new one at each use.
        self._has_graphs = (
            train.compile
            and device.type == "cuda"
            and not any(
                isinstance(part, SpectralNorm)
                for network in (self.generator, self.discriminator)
                for part in network.modules()
            )
        )
        for network in (self.generator, self.discriminator):
            distributed.synchronise_batch_norm(
                network,
                device,
                twice_differentiable=self._settings.r1 > 0 and network is self.discriminator,
            )
            if train.compile:
                network.compile(mode="reduce-overhead" if self._has_graphs else None)
        # The same networks; with several processes their backward averages the gradients.
        self._shared_generator = distributed.wrap(self.generator, device)
        self._shared_discriminator = distributed.wrap(self.discriminator, device)
        self._rate_g = self._settings.lr_g or train.lr
        self._rate_d = self._settings.lr_d or train.lr
        self.optimizer_g = precision.adam(self.generator, self._rate_g, train, device)
        self.optimizer_d = precision.adam(self.discriminator, self._rate_d, train, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self._dtype == torch.float16)
        # Of one process on a CPU, the two sides of D's loss have gradients and buffers each.
        self._is_split = (
            device.type == "cpu"
            and distributed.world_size == 1
            and not train.compile
            and not self.scaler.is_enabled()
        )
        self._real_side = self.discriminator
        if self._is_split:
            self._real_side = _with_the_same_weights(self.discriminator)
            self._beside = Beside()
        self._dropouts = {
            network: [layer for layer in network.modules() if isinstance(layer, Dropout)]
            for network in (self.discriminator, self._shared_discriminator, self._real_side)
        }
        self._last_of_g = torch.zeros(2, device=device)  # loss and norm of G's last step

    def step(self, batch: Batch, number: int) -> Tensor:
        """Train D, then G where it is its turn, on a batch; return `metrics`, float32 (6,), on the
        device. What they say of G is of its last step, 0 before the first."""
        labels = batch.labels if self._conditional else None
        rate_g, rate_d = self._rate_g * self.rate_factor, self._rate_d * self.rate_factor
        precision.set_rate(self.optimizer_g, rate_g, self._train, number)
        precision.set_rate(self.optimizer_d, rate_d, self._train, number)
        learns_g = number % self._settings.d_steps == self._settings.d_steps - 1
        penalty = self._settings.r1 * R1_EVERY_STEPS if number % R1_EVERY_STEPS == 0 else 0.0
        if self._has_graphs:  # the next graphs may overwrite what came of those before
            torch.compiler.cudagraph_mark_step_begin()
        step_of_d = self._split_step_of_d if self._is_split else self._joint_step_of_d
        fake, real_side, fake_side = step_of_d(batch, labels, penalty, learns_g)
        norm_d = precision.apply_gradients(self.discriminator, self.optimizer_d, self.scaler)
        if learns_g:
            self._last_of_g = torch.stack(self._generator_step(batch, fake, labels))
        self.scaler.update()
        loss_g, norm_g = self._last_of_g
        loss_d = real_side.loss + fake_side.loss
        return torch.stack(
            [loss_d, loss_g, real_side.probability, fake_side.probability, norm_d, norm_g]
        )

    def held_out_metrics(self, generator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return nothing: D's loss on unseen images says nothing of G."""
        return {}

    def advice(self, shows: float) -> str | None:
        """Return that DiffAugment may help, where D sees the same images so often that it may learn
        them by heart."""
        if shows <= _SHOWS_BY_HEART or self._settings.augment:
            return None
        return (
            f"each crop is shown {shows:.0f} times: try train.adversarial.augment: [colour, "
            f"translation, cutout] (DiffAugment, for few images)"
        )

    def warning(self, rows: list[dict[str, Any]]) -> str | None:
        """Return that D has won, where it has: G learns nothing from a D that is never wrong."""
        recent = rows[-_WON_ROWS:]
        gap = _WON_BY * self._largest_gap()
        if len(recent) == _WON_ROWS and all(row["d_real"] - row["d_fake"] > gap for row in recent):
            return f"D tells real from fake without fail for {_WON_ROWS} rows: G learns nothing"
        return None

    def _largest_gap(self) -> float:
        """Return D(x) − D(G(z)) of a perfect D: the difference of its mean targets in [0, 1]."""
        settings = self._settings
        if settings.loss == "hinge":
            return 1.0
        real, fake = (
            min(1.0, max(0.0, sum(ends) / 2))
            for ends in (settings.real_labels, settings.fake_labels)
        )
        return (real - fake) * (1 - 2 * settings.swap_labels)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of both networks, their optimisers and the gradient scaler."""
        state = {name: part.state_dict() for name, part in self._parts().items()}
        if self._is_split:
            state["real_side"] = dict(self._real_side.named_buffers())
        return state | {"last_of_g": self._last_of_g}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        if self._is_split:  # not among what another device left
            ours = dict(self._real_side.named_buffers())
            theirs = state.get("real_side", dict(self.discriminator.named_buffers()))
            for name, buffer in ours.items():
                buffer.copy_(theirs[name])
        self._last_of_g = state["last_of_g"].to(self._device)

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "optimizer_g": self.optimizer_g,
            "optimizer_d": self.optimizer_d,
            "scaler": self.scaler,
        }

    def _targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return D's targets for the real and for the generated images, float32 (B,) each."""
        settings = self._settings
        _, real_level, real_swap, fake_level, fake_swap = batch.chance()
        real, fake = settings.real_labels, settings.fake_labels
        share = settings.swap_labels
        return (
            self._to_device(
                losses.label_targets(real_level, real_swap, own=real, other=fake, swap_share=share)
            ),
            self._to_device(
                losses.label_targets(fake_level, fake_swap, own=fake, other=real, swap_share=share)
            ),
        )

    def _to_device(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self._device, non_blocking=True)

    def _augmented(self, images: Tensor, batch: Batch, stream: str) -> Tensor:
        names = self._settings.augment
        if not names:
            return images
        draws = randomness.uniforms(
            batch.seed, stream, batch.first, len(images), augmentation.CHANCES
        )
        chance = self._to_device(np.ascontiguousarray(draws.T, dtype=np.float32))
        return augmentation.augment(images, chance, names)

    def _draw_dropout(self, discriminator: nn.Module, batch: Batch, stream: str) -> None:
        """Give D's dropout layers the draws for its next images, those of `batch`."""
        for number, layer in enumerate(self._dropouts[discriminator]):
            draws = randomness.uniforms(
                batch.seed, f"{stream} {number}", batch.first, len(batch.latents), layer.units
            )
            layer.draws = self._to_device(draws.astype(np.float32))

    def _joint_step_of_d(
        self, batch: Batch, labels: Tensor | None, penalty: float, learns_g: bool
    ) -> tuple[Tensor, _LossOfSide, _LossOfSide]:
        """Return generated images and both sides of D's loss, whose gradients D has."""
        real_targets, fake_targets = self._targets(batch)
        fake = self._generate(batch, labels, learns_g)
        images = self._augmented(batch.images, batch, "augment real")
        shared = self._shared_discriminator
        real_side = self._side(shared, images, labels, real_targets, batch, is_real=True)
        fake_side = self._side_of_fake(shared, batch, fake, labels, fake_targets)
        total = real_side.total + fake_side.total
        # Last: a compiled pass behind it would count as a change of the batch norm buffers that its
        # backward asks for.
        total = total + self._penalty(batch, images, labels, penalty)
        self.optimizer_d.zero_grad(set_to_none=True)
        self.scaler.scale(total).backward()
        return fake, real_side, fake_side

    def _split_step_of_d(
        self, batch: Batch, labels: Tensor | None, penalty: float, learns_g: bool
    ) -> tuple[Tensor, _LossOfSide, _LossOfSide]:
        """As the joint one; each side by itself, and their gradients are added at the end."""
        real_targets, fake_targets = self._targets(batch)
        self.discriminator.zero_grad(set_to_none=True)
        self._real_side.zero_grad(set_to_none=True)

        def learn_from_real() -> _LossOfSide:
            images = self._augmented(batch.images, batch, "augment real")
            side = self._side(self._real_side, images, labels, real_targets, batch, is_real=True)
            (side.total + self._penalty(batch, images, labels, penalty)).backward()
            return side

        with self._beside.running(learn_from_real) as learnt:
            fake = self._generate(batch, labels, learns_g)
            fake_side = self._side_of_fake(self.discriminator, batch, fake, labels, fake_targets)
            fake_side.total.backward()
            real_side = learnt()
        torch._foreach_add_(
            [weight.grad for weight in self.discriminator.parameters()],
            [weight.grad for weight in self._real_side.parameters()],
        )
        return fake, real_side, fake_side

    def _generate(self, batch: Batch, labels: Tensor | None, learns_g: bool) -> Tensor:
        with torch.set_grad_enabled(learns_g), precision.autocast(self._dtype, self._device):
            return self._shared_generator(batch.latents, labels)

    def _penalty(
        self, batch: Batch, images: Tensor, labels: Tensor | None, weight: float
    ) -> Tensor | float:
        """Return weight / 2 · E‖∇D(x)‖² of the real images."""
        if not weight:
            return 0.0
        self._draw_dropout(self._real_side, batch, "dropout real")
        return weight / 2 * losses.r1_penalty(self._real_side, images, labels)

    def _side_of_fake(
        self,
        discriminator: nn.Module,
        batch: Batch,
        fake: Tensor,
        labels: Tensor | None,
        targets: Tensor,
    ) -> _LossOfSide:
        """Return D's loss on generated images, which learn nothing from it."""
        images = self._augmented(fake.detach(), batch, "augment fake")
        return self._side(discriminator, images, labels, targets, batch, is_real=False)

    def _side(
        self,
        discriminator: nn.Module,
        images: Tensor,
        labels: Tensor | None,
        targets: Tensor,
        batch: Batch,
        *,
        is_real: bool,
    ) -> _LossOfSide:
        self._draw_dropout(discriminator, batch, "dropout real" if is_real else "dropout fake")
        with precision.autocast(self._dtype, self._device):
            logits = discriminator(images, labels)
        logits = logits.float()  # (B,)
        if self._settings.loss == "hinge":
            loss = losses.discriminator_hinge_loss(logits, is_real=is_real)
        else:
            loss = losses.discriminator_loss(logits, targets)
        return _LossOfSide(loss, loss.detach(), logits.detach().sigmoid().mean())

    def _generator_step(
        self, batch: Batch, fake: Tensor, labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Train G to be taken for real; return loss and norm."""
        self.discriminator.requires_grad_(False)
        self._draw_dropout(self.discriminator, batch, "dropout G")
        with precision.autocast(self._dtype, self._device):
            logits = self.discriminator(self._augmented(fake, batch, "augment G"), labels)
        is_hinge = self._settings.loss == "hinge"
        loss = (losses.generator_hinge_loss if is_hinge else losses.generator_loss)(logits.float())
        norm = precision.descend(loss, self.generator, self.optimizer_g, self.scaler)
        self.discriminator.requires_grad_(True)
        return loss.detach(), norm


def _with_the_same_weights(network: nn.Module) -> nn.Module:
    """Return a copy whose weights are the same memory; gradients and buffers are its own."""
    twin = copy.deepcopy(network)
    for ours, theirs in zip(twin.parameters(), network.parameters(), strict=True):
        ours.data = theirs.data
    return twin
