"""Inception weights to test with: seeded ones of every layer, and the real ones where they are."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.scoring.extractors import inception


def seeded(seed: int = 0) -> dict[str, Tensor]:
    """Random weights of every layer under torch-fidelity's 566 names, with batch norms that do
    something, scaled so that signals neither die nor explode on their way up."""
    generator = torch.Generator().manual_seed(seed)
    layers = inception.network()

    def uniform(low: float, high: float, like: Tensor) -> Tensor:
        return torch.rand(like.shape, generator=generator) * (high - low) + low

    for module in layers.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            module.weight.data = torch.randn(module.weight.shape, generator=generator)
            module.weight.data *= (2 / fan_in) ** 0.5
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.data = uniform(0.8, 1.2, module.weight)
            module.bias.data = uniform(-0.2, 0.2, module.bias)
            module.running_mean = uniform(-0.2, 0.2, module.bias)
            module.running_var = uniform(0.7, 1.5, module.bias)
    head = nn.Linear(2048, 1008)
    return {
        **layers.state_dict(),
        "fc.weight": torch.randn(head.weight.shape, generator=generator) * 0.01,
        "fc.bias": torch.zeros(1008),
    }


def partial() -> dict[str, Tensor]:
    """The seeded weights with the real network's in their place, as far as the file of
    INCEPTION_PARTIAL has them: all up to the 768 features, and most of what lies above.

    Its batch norms are folded into the convolutions; here they become the ones that do nothing.
    """
    if not os.environ.get("INCEPTION_PARTIAL"):
        pytest.skip("set INCEPTION_PARTIAL to inception-2015-12-05-partial.npz")
    state = seeded()
    with np.load(Path(os.environ["INCEPTION_PARTIAL"])) as archive:
        for key in archive.files:
            name, kind = key.rsplit(".", 1)
            values = torch.from_numpy(archive[key].astype(np.float32))
            if kind == "weight":
                state[f"{name}.conv.weight"] = values
                continue
            eps = 0.001  # of torch-fidelity's batch norm
            state[f"{name}.bn.weight"] = torch.ones_like(values)
            state[f"{name}.bn.bias"] = values
            state[f"{name}.bn.running_mean"] = torch.zeros_like(values)
            state[f"{name}.bn.running_var"] = torch.ones_like(values) - eps
    return state


def torch_fidelity_extractor(state: dict[str, Tensor], dimensions: int) -> nn.Module:
    """torch-fidelity's own extractor with these weights. It loads strictly, from a file alone."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return FeatureExtractorInceptionV3(
        "inception-v3-compat", [str(dimensions)], feature_extractor_weights_path=file
    )
