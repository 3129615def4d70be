"""The two players of the game (Goodfellow et al. 2014) and one step of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from pipeline.training.engine import precision

if TYPE_CHECKING:
    from pipeline.config.schema import Train
    from pipeline.training.engine.distributed import Team

# The penalty comes each so many steps, so many times as strong, and costs a sixteenth of its time
# (lazy regularisation: Karras et al. 2020, arXiv 1912.04958, section 3.1).
R1_EVERY_STEPS = 16
FIGURES = ("loss_d", "loss_g", "d_real", "d_fake", "grad_norm_d", "grad_norm_g")


class Players:
    """Generator and discriminator with their optimisers; `step` plays one round.

    As in the DCGAN tutorial, one batch of fakes serves both: D learns from it detached, then G
    through D's new weights. Real and fake pass D as separate batches, so that batch norm sees
    each alone. D's own gradients are not computed in G's step, where nothing would use them.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        train: Train,
        device: torch.device,
        team: Team,
    ) -> None:
        dtype = precision.pick(train.precision, device)
        self.generator = generator
        self.discriminator = discriminator
        for network in (generator, discriminator):
            team.synchronise_batch_norm(
                network,
                device,
                twice_differentiable=train.r1 > 0 and network is discriminator,
            )
            if train.compile:
                # On a GPU with CUDA graphs: at these sizes launching kernels takes longest there.
                network.compile(mode="reduce-overhead" if device.type == "cuda" else None)
        # The same networks; with several processes their backward averages the gradients.
        self._shared_generator = team.wrap(generator, device)
        self._shared_discriminator = team.wrap(discriminator, device)
        self.optimizer_g = _adam(generator, train.lr_g or train.lr, train, device)
        self.optimizer_d = _adam(discriminator, train.lr_d or train.lr, train, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
        self._device = device
        self._dtype = dtype
        self._r1 = train.r1

    def step(
        self,
        real: Tensor,
        latents: Tensor,
        real_targets: Tensor,
        fake_targets: Tensor,
        *,
        number: int,
    ) -> Tensor:
        """One round. Returns FIGURES, float32 (6,), on the device: nothing waits for it.

        Args:
            real: (B, 3, side, side) in [-1, 1].
            latents: (B, latent_dim).
            real_targets, fake_targets: (B,), D's targets.
            number: of the step, from 0.
        """
        with self._autocast():
            fake = self._shared_generator(latents)
        penalty = self._r1 * R1_EVERY_STEPS if number % R1_EVERY_STEPS == 0 else 0.0
        of_d = self._discriminator_step(real, fake.detach(), real_targets, fake_targets, penalty)
        of_g = self._generator_step(fake)
        loss_d, d_real, d_fake, norm_d = of_d
        loss_g, norm_g = of_g
        return torch.stack([loss_d, loss_g, d_real, d_fake, norm_d, norm_g])

    def _discriminator_step(
        self,
        real: Tensor,
        fake: Tensor,
        real_targets: Tensor,
        fake_targets: Tensor,
        penalty: float,
    ) -> tuple[Tensor, ...]:
        """Tell real from fake: minimise BCE(D(x), targets) + BCE(D(G(z)), targets), and with it
        penalty / 2 · E‖∇D(x)‖²."""
        with self._autocast():
            real_logits = self._shared_discriminator(real)
            fake_logits = self._shared_discriminator(fake)
        real_logits, fake_logits = real_logits.float(), fake_logits.float()  # (B,) each
        loss = cross_entropy(real_logits, real_targets) + cross_entropy(fake_logits, fake_targets)
        whole = loss
        if penalty:
            whole = loss + penalty / 2 * squared_gradient(self.discriminator, real)
        norm = self._descend(whole, self.discriminator, self.optimizer_d)
        d_real, d_fake = (x.detach().sigmoid().mean() for x in (real_logits, fake_logits))
        return loss.detach(), d_real, d_fake, norm

    def _generator_step(self, fake: Tensor) -> tuple[Tensor, ...]:
        """Pass for real: minimise −log D(G(z)), the non-saturating loss."""
        self.discriminator.requires_grad_(False)
        with self._autocast():
            logits = self.discriminator(fake)
        logits = logits.float()
        loss = cross_entropy(logits, torch.ones_like(logits))
        norm = self._descend(loss, self.generator, self.optimizer_g)
        self.discriminator.requires_grad_(True)
        self.scaler.update()
        return loss.detach(), norm

    def _descend(
        self, loss: Tensor, network: nn.Module, optimizer: torch.optim.Optimizer
    ) -> Tensor:
        """One step down the loss; returns the gradient's norm."""
        optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(optimizer)
        norm = nn.utils.get_total_norm([weight.grad for weight in network.parameters()])
        self.scaler.step(optimizer)
        if self.scaler.is_enabled():
            # An overflow in float16 is no divergence: the scaler skips the step and scales lower.
            norm = norm.nan_to_num(posinf=0.0)
        return norm

    def _autocast(self) -> torch.autocast:
        mixed = self._dtype != torch.float32
        return torch.autocast(self._device.type, self._dtype if mixed else None, enabled=mixed)

    def state_dict(self) -> dict[str, Any]:
        """Everything a later step depends on."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "optimizer_g": self.optimizer_g,
            "optimizer_d": self.optimizer_d,
            "scaler": self.scaler,
        }


def squared_gradient(discriminator: nn.Module, real: Tensor) -> Tensor:
    """R1 of Mescheder et al. 2018 (arXiv 1801.04406, equation 9), without its γ / 2: the mean over
    real images of the squared norm of the logit's gradient to the image. Scalar, float32."""
    real = real.detach().float().requires_grad_()
    # `forward`: what torch.compile makes of a network can't be differentiated twice.
    logits = discriminator.forward(real)
    (gradients,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return gradients.square().sum((1, 2, 3)).mean()


def _adam(
    network: nn.Module, rate: float, train: Train, device: torch.device
) -> torch.optim.Optimizer:
    return torch.optim.Adam(
        network.parameters(),
        lr=rate,
        betas=(train.beta1, train.beta2),
        fused=device.type in ("cpu", "cuda"),
    )
