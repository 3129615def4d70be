"""Images and weights that the tests of the distillation take."""

from pathlib import Path

import numpy as np
import pytest

from research.distillation.teacher import _LAYERS
from tests import factories


@pytest.fixture(scope="module")
def smooth() -> np.ndarray:
    """Return 12 images with structure: (12, 64, 64, 3) uint8."""
    return factories.images(12, 64, knots=8)


@pytest.fixture(scope="session")
def random_inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An .npz like the partial Inception's, of random weights."""
    from torchvision.models import inception_v3

    net = inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
    rng = np.random.default_rng(0)
    arrays = {}
    for name, module in net.named_modules():
        if type(module).__name__ == "BasicConv2d" and name.split(".")[0] in _LAYERS:
            shape = module.conv.weight.shape
            scale = (2 / np.prod(shape[1:])) ** 0.5
            arrays[f"{name}.weight"] = (scale * rng.normal(size=shape)).astype(np.float16)
            arrays[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    path = tmp_path_factory.mktemp("inception") / "random.npz"
    np.savez(path, **arrays)
    return path
