"""Every conditional family takes shares of classes where it takes labels."""

import pytest
import torch

from pipeline.images.shape import ImageShape
from pipeline.models.family import NetworkSize
from pipeline.models.registry import FAMILIES
from tests.factories import tiny


@pytest.mark.parametrize("name", FAMILIES)
def test_shares_lie_between_the_classes(name: str) -> None:
    family = FAMILIES[name]
    parameters = getattr(tiny().model, name).model_copy(update={"conditional": True})
    networks = family.build(parameters, NetworkSize(6, ImageShape(32, 1), 3))
    family.initialise(networks["generator"], 1)
    generator = networks["generator"].eval()
    with torch.no_grad():
        for weight in generator.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=torch.manual_seed(1)))
        latents = torch.randn(1, 6, generator=torch.manual_seed(2)).expand(3, -1)
        labels = torch.tensor([0, 1, 2])
        by_label = generator(latents, labels)
        torch.testing.assert_close(generator(latents, torch.eye(3)), by_label)
        half = generator(latents[:1], torch.tensor([[0.5, 0.5, 0.0]]))
    ends = (by_label[0] - by_label[1]).norm()
    assert ends > 0
    assert max((half[0] - by_label[row]).norm() for row in (0, 1)) < ends
