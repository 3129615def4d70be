"""The factor of all rates: half of it is half the rate, for either objective."""

import pytest
import torch
from torch import nn

from pipeline.training.engine import adversarial, precision, variational
from tests import factories


@pytest.mark.parametrize("objective", [adversarial, variational])
def test_each_rate_is_multiplied(monkeypatch: pytest.MonkeyPatch, objective: object) -> None:
    """Read where the rates are set, in the first thing that a step does."""
    kind = {
        adversarial: adversarial.AdversarialObjective,
        variational: variational.VariationalObjective,
    }[objective]
    rates = []

    class Seen(Exception):
        pass

    def set_rate(optimizer: object, rate: float, train: object, number: int) -> None:
        rates.append(rate)
        if len(rates) == asked:
            raise Seen

    monkeypatch.setattr(precision, "set_rate", set_rate)
    made = object.__new__(kind)
    made._train = factories.tiny(train__lr=0.25).train
    made._rate_g, made._rate_d = 0.5, 0.125
    made._conditional = False
    made.optimizer = made.optimizer_g = made.optimizer_d = None
    asked = 2 if objective is adversarial else 1
    whole = [0.5, 0.125] if objective is adversarial else [0.25]
    batch = type("Batch", (), {"labels": None, "images": torch.zeros(1), "latents": nn})
    for factor in (1.0, 0.5):
        rates.clear()
        made.rate_factor = factor
        with pytest.raises(Seen):
            made.step(batch, 0)
        assert rates == [factor * rate for rate in whole]
