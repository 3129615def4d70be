"""The runs of the two tables: what differs from the preset `mnist-vanilla-gan`; reported FIDs.

The report gives the ranges that its nine runs of rates, activations, batch and latent were taken
from, and the FIDs in their order; which row had which combination is told for some of them only, so
the combinations here cover the same ranges in a design of our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class TableRun:
    """A row of a table.

    Attributes:
        name: of the row.
        changes: values by dotted keys, on top of the preset.
        is_decisive: whether a conclusion hangs on it, so that it is run with all of `SEEDS`.
    """

    name: str
    changes: dict[str, Any]
    is_decisive: bool = False


def _rates(
    name: str,
    lr_g: float,
    lr_d: float,
    *,
    generator: str = "relu",
    discriminator: str = "leaky_relu",
    batch_size: int = 128,
    is_decisive: bool = False,
) -> TableRun:
    changes = {
        "model.latent_dim": 100,
        "model.mlp.generator_activation": generator,
        "model.mlp.discriminator_activation": discriminator,
        "train.adversarial.lr_g": lr_g,
        "train.adversarial.lr_d": lr_d,
        "train.batch_size": batch_size,
    }
    return TableRun(name, changes, is_decisive)


RATES = (
    _rates("2e-4, 2e-4", 2e-4, 2e-4, is_decisive=True),
    _rates("6e-4, 2e-4", 6e-4, 2e-4),
    _rates("2e-4, 6e-4", 2e-4, 6e-4),
    _rates("2e-3, 2e-3", 2e-3, 2e-3, is_decisive=True),
    _rates("1e-5, 1e-5", 1e-5, 1e-5, is_decisive=True),
    _rates("2e-4, 2e-4, LeakyReLU in G", 2e-4, 2e-4, generator="leaky_relu"),
    _rates("2e-4, 2e-4, ReLU in D", 2e-4, 2e-4, discriminator="relu"),
    _rates("2e-4, 2e-4, batch 100", 2e-4, 2e-4, batch_size=100),
    _rates(
        "6e-4, 6e-4, LeakyReLU in both, batch 100",
        6e-4,
        6e-4,
        generator="leaky_relu",
        batch_size=100,
    ),
)


def _layers(
    name: str, generator: list[int], discriminator: list[int], *, is_decisive: bool = False
) -> TableRun:
    changes = {
        "model.latent_dim": 100,
        "model.mlp.generator_widths": generator,
        "model.mlp.discriminator_widths": discriminator,
    }
    return TableRun(name, changes, is_decisive)


LAYERS = (
    _layers("G 256-512-1024, D 512-256", [256, 512, 1024], [512, 256]),
    _layers("G 128-256-512, D 512-256", [128, 256, 512], [512, 256]),
    _layers("G 256-512, D 256", [256, 512], [256]),
    _layers(
        "G 128-256-512-1024, D 1024-512-256",
        [128, 256, 512, 1024],
        [1024, 512, 256],
        is_decisive=True,
    ),
    _layers("G 128-256-512-1024-1024, D 256", [128, 256, 512, 1024, 1024], [256]),
)
# The report's own FIDs, in the order of its rows.
REPORTED_RATES = (48.1, 44.8, 48.3, 139.8, 43.3, 49.7, 49.9, 54.1, 53.3)
REPORTED_LAYERS = (49.2, 51.7, 52.5, 54.2, 56.0)
