"""The convolutions against torch's own, in float64: the same sums in another order."""

import copy

import pytest
import torch
from torch import Tensor, nn

from pipeline.models.layers import FromOnePixel, ToImage, ToOnePixel


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    ("layer", "plain", "side_px"),
    [
        (FromOnePixel(5, 6, 4, bias=False), nn.ConvTranspose2d(5, 6, 4, bias=False), 1),
        (ToOnePixel(5, 2, 4), nn.Conv2d(5, 2, 4), 4),
        (ToImage(5, 3, 4, 2, 1), nn.ConvTranspose2d(5, 3, 4, 2, 1), 8),
        (ToImage(5, 1, 4, 2, 1), nn.ConvTranspose2d(5, 1, 4, 2, 1), 8),
    ],
)
def test_outputs_and_gradients_are_those_of_torchs_layer(
    layer: nn.Module, plain: nn.Module, side_px: int, layout: torch.memory_format
) -> None:
    layer = copy.deepcopy(layer).double().to(memory_format=layout)
    plain = copy.deepcopy(plain).double()
    plain.load_state_dict(layer.state_dict())
    source = torch.Generator().manual_seed(1)
    x = torch.randn(3, 5, side_px, side_px, generator=source, dtype=torch.float64)

    def outcome(network: nn.Module, x: Tensor) -> list[Tensor]:
        x = x.clone().requires_grad_()
        found = network(x)
        weights = torch.arange(found.numel()).reshape(found.shape).double().cos()
        gradients = torch.autograd.grad((found * weights).sum(), [x, *network.parameters()])
        return [found, *gradients]

    ours, torchs = outcome(layer, x.to(memory_format=layout)), outcome(plain, x)
    assert len(ours) == len(torchs)
    for mine, theirs in zip(ours, torchs, strict=True):
        assert mine.shape == theirs.shape
        # A hundred products of numbers around one, each rounded at 1e-16.
        assert torch.allclose(mine, theirs, rtol=0, atol=1e-12)
