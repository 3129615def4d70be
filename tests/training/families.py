"""Every family of models with the options that shape its training, as small as a test wants it."""

from typing import Any

# Values of `tests.factories.tiny`. Each option of an objective is in one of them at least.
_DCGAN = {"model__dcgan__channels": 4}
_MLP = {
    "model__name": "mlp",
    "model__mlp__generator_widths": [12, 16],
    "model__mlp__discriminator_widths": [16, 8],
    "model__mlp__dropout": 0.4,
}
_VAE = {"model__name": "vae", "model__vae__widths": [4, 6]}
_RESNET = {
    "model__name": "resnet",
    "model__resnet__channels": 4,
    "model__resnet__conditional": False,
}

SYSTEMS: dict[str, dict[str, Any]] = {
    "dcgan": _DCGAN | {"train__adversarial__augment": ["colour", "translation", "cutout"]},
    "dcgan of classes": _DCGAN | {"model__dcgan__conditional": True},
    "mlp": _MLP | {"train__adversarial__d_steps": 3, "train__lr_decay": "linear"},
    "mlp of classes": _MLP | {"model__mlp__conditional": True},
    "conv vae": _VAE | {"train__lr_decay": "linear", "train__variational__beta": 2.0},
    "dense vae of classes": _VAE
    | {
        "model__vae__layers": "dense",
        "model__vae__conditional": True,
        "train__variational__likelihood": "gaussian",
    },
    "resnet": _RESNET | {"train__adversarial__loss": "hinge"},
    "resnet of classes": _RESNET
    | {
        "model__resnet__conditional": True,
        "train__adversarial__loss": "hinge",
        "train__adversarial__d_steps": 2,
    },
}
CLASSES = ("cat", "dog", "owl")


def is_conditional(name: str) -> bool:
    """Return whether a system of `SYSTEMS` is told classes."""
    return name.endswith("of classes")
