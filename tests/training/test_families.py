"""Every family through the train stage and the objectives: continued to the bit, shared by two
processes, in bfloat16, on grey and coloured images of several sides."""

import dataclasses
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.config import content, params, presets
from pipeline.images.shape import ImageShape
from pipeline.models.registry import FAMILIES
from pipeline.models.saved import SavedGenerator
from pipeline.stages import train as stage
from pipeline.training import fingerprint
from pipeline.training.engine import distributed, registry
from pipeline.training.engine.adversarial import AdversarialObjective
from pipeline.training.engine.batches import Batch, Batches
from pipeline.training.engine.distributed import Distributed
from pipeline.training.engine.objective import Objective
from tests import factories
from tests.conftest import REPOSITORY
from tests.factories import tiny, workplace
from tests.training.families import CLASSES, SYSTEMS, is_conditional

CPU = torch.device("cpu")
PRESETS = REPOSITORY / "presets"
every_system = pytest.mark.parametrize("name", SYSTEMS)


def train(paths: Paths, **changes: Any) -> None:
    settings = tiny(**changes)
    stage.run(paths, device="cpu", model=settings.model, train=settings.train)


def weights(paths: Paths) -> dict[str, Tensor]:
    return torch.load(paths.generator, weights_only=True)["state_dict"]


def objective_and_batches(
    name: str, group: Distributed, **changes: Any
) -> tuple[Objective, Batches]:
    settings = tiny(**SYSTEMS[name] | changes)
    data = factories.dataset(classes=CLASSES)
    objective, _ = registry.build(
        data, model=settings.model, train=settings.train, device=CPU, distributed=group
    )
    batches = Batches(data, seed=1, flips=True, latent_dim=8, device=CPU)
    return objective, batches


# --- the stage ---------------------------------------------------------------------------------
@every_system
def test_a_run_that_is_stopped_and_continued_is_one_without_a_break(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in its fifth step of eight: with three or two steps of D for one of G, between two of
    G's; with a falling rate, in its middle."""
    settings = SYSTEMS[name] | {"train__ema_halflife_images": 100}
    straight, broken = (workplace(tmp_path / each, classes=CLASSES) for each in "ab")
    train(straight, **settings)
    kind = registry.OBJECTIVES[FAMILIES[tiny(**settings).model.name].OBJECTIVE]
    step = kind.step

    def stopping(self: Objective, batch: Batch, number: int) -> Tensor:
        if number == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch, number)

    monkeypatch.setattr(kind, "step", stopping)
    with pytest.raises(SystemExit):
        train(broken, **settings)
    assert not broken.generator.exists()
    monkeypatch.setattr(kind, "step", step)
    train(broken, **settings)
    for weight, ours in weights(broken).items():
        assert torch.equal(ours, weights(straight)[weight]), weight
    for file in ("samples", "training"):
        assert getattr(broken, file).read_bytes() == getattr(straight, file).read_bytes()
    ours, theirs = (
        np.genfromtxt(paths.history, delimiter=",", names=True) for paths in (broken, straight)
    )
    for metric in kind.metrics:
        assert np.array_equal(ours[metric.name], theirs[metric.name]), metric.name


@pytest.mark.parametrize(("side_px", "channels"), [(16, 1), (32, 3), (64, 1)])
@every_system
def test_images_of_each_shape(name: str, side_px: int, channels: int, tmp_path: Path) -> None:
    paths = workplace(tmp_path, 16, side_px, channels=channels, classes=CLASSES)
    train(paths, **SYSTEMS[name], train__images=16)
    generator = SavedGenerator.load(paths.generator, CPU)
    assert generator.info.class_names == (CLASSES if is_conditional(name) else ())
    label = "owl" if is_conditional(name) else None
    samples = generator.sample(1, 2, label=label)
    assert samples.shape == (2, side_px, side_px, channels)
    assert samples.std() > 0


@every_system
def test_what_is_told_classes_needs_some(name: str, tmp_path: Path) -> None:
    paths = workplace(tmp_path, 16, classes=("dog",))
    if is_conditional(name):
        with pytest.raises(InputError, match=r"^model\.\w+: its networks are told the class"):
            train(paths, **SYSTEMS[name])
    else:
        train(paths, **SYSTEMS[name], train__images=8)


@pytest.mark.parametrize(("images", "is_said"), [(336, True), (320, False)])
def test_the_advice_for_few_images_is_a_line_before_the_first_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], images: int, is_said: bool
) -> None:
    """16 crops, shown 21 or 20 times."""
    paths = workplace(tmp_path, 16)
    settings = SYSTEMS["mlp of classes"] | {"model__mlp__conditional": False}
    train(paths, **settings, train__images=images)
    printed = capsys.readouterr().out
    assert printed.count("each crop is shown 21 times: try train.adversarial.augment") == is_said
    train(paths, **settings, train__images=images + 8)
    assert "each crop is shown" not in capsys.readouterr().out  # a run that goes on


# --- the objective -----------------------------------------------------------------------------
def four_steps(name: str, group: Distributed) -> dict[str, Tensor]:
    """Return weights, and metrics of each step, after four steps of 8 images, this process's part
    of them."""
    torch.set_num_threads(1)
    share = 8 // group.world_size
    # A penalty in the first step; a small rate: Adam turns rounding into whole steps of it.
    is_gan = "vae" not in name
    r1 = {"train__adversarial__r1": 1.0} if is_gan else {}
    objective, batches = objective_and_batches(name, group, train__lr=1e-4, **r1)
    metrics = [
        objective.step(batches.at(8 * number + share * group.rank, share), number)
        for number in range(4)
    ]
    networks = [objective.generator]
    if is_gan:
        networks.append(objective.discriminator)
    # What D's batch norm measured is never used, and in one process is of generated images alone.
    found = {
        f"{type(network).__name__} {key}": value.clone()
        for network in networks
        for key, value in network.state_dict().items()
        if value.dtype.is_floating_point
        and not (network is not objective.generator and "running_" in key)
    }
    return found | {"metrics": group.all_reduce_mean(torch.stack(metrics))}


def work_of_all(folder: str) -> None:
    """Run by each of two processes: every system, one after the other."""
    with distributed.process_group(CPU) as (group, _):
        for name in SYSTEMS:
            found = four_steps(name, group)
            torch.save(found, Path(folder) / f"{name} {group.rank}.pt")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    distributed.launch(work_of_all, (str(folder),), 2)
    return folder


@every_system
def test_two_processes_are_one(name: str, shared: Path) -> None:
    """Batch norm of any kind, spectral norm, dropout, augmentation, the variance of a batch."""
    one, other = (torch.load(shared / f"{name} {rank}.pt") for rank in (0, 1))
    for key in one:
        assert torch.equal(one[key], other[key]), key
    alone = four_steps(name, Distributed())
    # Losses and norms of gradients of all four steps: sums of float32 in another order.
    torch.testing.assert_close(one["metrics"], alone["metrics"], rtol=1e-4, atol=1e-5)
    del one["metrics"], alone["metrics"]
    off = torch.cat([(one[key] - alone[key]).abs().flatten() for key in alone])
    # A weight moves by 1e-4 a step. Where its gradient is 0 but for rounding, as of a bias before a
    # batch norm, Adam makes whole steps of that.
    assert off.median() < 1e-7
    assert off.max() < 2e-3


def test_other_draws_of_dropout_would_be_noticed(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The known-bad twin: draws by the place in a process's part of the batch."""
    draw = AdversarialObjective._draw_dropout

    def by_place(self: AdversarialObjective, network: nn.Module, batch: Batch, stream: str) -> None:
        draw(self, network, dataclasses.replace(batch, first=0), stream)

    monkeypatch.setattr(AdversarialObjective, "_draw_dropout", by_place)
    found = torch.load(shared / "mlp 0.pt")["metrics"]
    assert not torch.allclose(
        found, four_steps("mlp", Distributed())["metrics"], rtol=1e-2, atol=1e-3
    )


@every_system
def test_bfloat16_is_near_float32(name: str) -> None:
    rows = {}
    for precision in ("float32", "bfloat16"):
        objective, batches = objective_and_batches(
            name, Distributed(), train__precision=precision, train__lr=1e-4
        )
        for number in range(3):
            rows[precision] = objective.step(batches.at(8 * number, 8), number)
        kinds = {value.dtype for value in objective.generator.state_dict().values()}
        assert kinds <= {torch.float32, torch.int64}
    # bfloat16 has 8 bits of mantissa, 0.4 % a value; norms of gradients are the furthest off.
    found, expected = rows["bfloat16"].tolist(), rows["float32"].tolist()
    assert found == pytest.approx(expected, rel=0.1, abs=0.02)
    assert found != expected


# --- the fingerprint ---------------------------------------------------------------------------
OTHER_VALUES: dict[str, dict[str, Any]] = {
    "dcgan": {"channels": 8, "minibatch_stddev": False, "conditional": True},
    "mlp": {
        "generator_widths": [16, 12],
        "discriminator_widths": [8, 16],
        "generator_activation": "leaky_relu",
        "discriminator_activation": "relu",
        "dropout": 0.5,
        "conditional": True,
    },
    "resnet": {"channels": 8, "attention": True, "conditional": True},
    "vae": {"layers": "dense", "widths": [6, 4], "conditional": True},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_each_parameter_of_a_family_is_in_its_fingerprint_and_in_no_others(
    family: str, tmp_path: Path
) -> None:
    paths = workplace(tmp_path, 16, classes=CLASSES)
    data = factories.dataset(16, classes=CLASSES)

    def digest(name: str, **changes: Any) -> str:
        settings = tiny(**{"model__name": name, "model__resnet__conditional": False} | changes)
        parts = fingerprint.parts(
            model=settings.model, train=settings.train, dataset=data, crops=paths.crops
        )
        return fingerprint.digest(parts)

    names = FAMILIES[family].Parameters.model_fields
    assert OTHER_VALUES[family].keys() == names.keys()
    found = {digest(family)}
    stranger = "mlp" if family != "mlp" else "vae"
    of_stranger = digest(stranger)
    for key, value in OTHER_VALUES[family].items():
        change = {f"model__{family}__{key}": value}
        found.add(digest(family, **change))
        assert digest(stranger, **change) == of_stranger
    assert len(found) == 1 + len(names)


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_outside_its_package_knows_a_family_but_the_registry(
    family: str, repository: Path
) -> None:
    package = repository / "pipeline"
    own = package / "models" / family
    naming = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if own not in path.parents and f'"{family}"' in path.read_text()
    }
    # "dcgan" is also the folder in which a kernel is built.
    assert naming - {"common/paths.py"} == {"models/registry.py"}
    importing = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if own not in path.parents and f"models.{family}" in path.read_text()
    }
    assert not importing


@pytest.mark.parametrize("preset", presets.names(PRESETS))
def test_each_preset_asks_for_networks_that_can_be_made(preset: str) -> None:
    defaults = presets.read(PRESETS, "default").values
    values = defaults | presets.read(PRESETS, preset).values
    settings = params.parse(content.nest(values), where=preset)
    shape = ImageShape(settings.crop.side_px, 3)
    parameters = getattr(settings.model, settings.model.name)
    FAMILIES[settings.model.name].require(parameters, shape)
