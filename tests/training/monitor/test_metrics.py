"""The metrics of the last steps: their means, and the step that went wrong."""

import pytest
import torch

from pipeline.training.engine.distributed import Distributed
from pipeline.training.engine.objective import Metric
from pipeline.training.monitor.metrics import MetricBuffer, TrainingDiverged

METRICS = (Metric("elbo", "ELBO", "bound (nats)"), Metric("kl", "KL", "divergence (nats)"))


def buffer(*steps: list[float]) -> MetricBuffer:
    made = MetricBuffer(
        METRICS, batch_size=8, device=torch.device("cpu"), distributed=Distributed()
    )
    for step in steps:
        made.add(torch.tensor(step))
    return made


def test_means_over_the_steps_since_the_last_row() -> None:
    metrics = buffer([1.0, 10.0], [2.0, 20.0], [6.0, 30.0])
    assert metrics.images == 24
    assert metrics.means(images_seen=24) == {"elbo": 3.0, "kl": 20.0}
    metrics.clear()
    assert metrics.images == 0
    metrics.add(torch.tensor([5.0, 7.0]))
    assert metrics.means(images_seen=32) == {"elbo": 5.0, "kl": 7.0}


def test_what_is_saved_is_continued() -> None:
    saved = buffer([1.0, 2.0], [3.0, 4.0]).checked(images_seen=16)
    metrics = buffer()
    metrics.load(saved)
    metrics.add(torch.tensor([5.0, 9.0]))
    assert metrics.means(images_seen=24) == {"elbo": 3.0, "kl": 5.0}
    assert buffer().checked(images_seen=0).shape == (0, 2)


def test_a_number_that_is_none_names_its_step_and_the_one_before() -> None:
    metrics = buffer([1.0, 2.0], [3.0, 4.0], [float("nan"), 5.0], [float("nan"), float("inf")])
    with pytest.raises(TrainingDiverged) as told:
        metrics.means(images_seen=132)
    assert str(told.value) == (
        "training diverged in the step at 116 images: elbo nan, kl 5 (before: elbo 3, kl 4); the "
        "last good checkpoint is kept. Lower train.lr, or set train.precision: float32"
    )
    with pytest.raises(TrainingDiverged, match=r"at 0 images: elbo 1, kl inf; the last"):
        buffer([1.0, float("inf")]).checked(images_seen=8)
