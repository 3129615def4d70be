"""docs/learn.md: its images, its worked example and the numbers that it derives are what the code
gives. (Commands, parameters, paths and links of all pages: tests/test_docs.py.)"""

import contextlib
import importlib
import io
import re
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from ruamel.yaml import YAML
from torch import Tensor, nn

from pipeline.config import params
from pipeline.config.schema import Params
from pipeline.images.shape import ImageShape
from pipeline.models.family import NetworkSize
from pipeline.models.layers import MinibatchStddev
from pipeline.models.registry import FAMILIES
from pipeline.scoring import mifid
from pipeline.scoring.nearest import nearest
from pipeline.training.engine import losses
from tests import documents
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "learn.md"
IMAGES = REPOSITORY / "docs" / "learn"
TEXT = PAGE.read_text()
POINT = r"\((−?\d+), (−?\d+)\)"


def rows_below(heading: str) -> list[list[str]]:
    """Return the cells of the first table behind a text, without its heading and rule."""
    lines = TEXT.partition(heading)[2].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    assert rows
    return rows


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def found(pattern: str) -> tuple[float, ...]:
    """Return the numbers in the groups of the one place that matches; line breaks are spaces."""
    (match,) = re.finditer(pattern, " ".join(TEXT.split()))
    return tuple(number(group) for group in match.groups())


def settings() -> Params:
    return params.load(REPOSITORY / "params.yaml")


# Images


def test_each_image_is_shown_and_none_is_missing() -> None:
    shown = {link for link in documents.links(TEXT) if link.startswith("learn/")}
    assert shown == {f"learn/{path.name}" for path in IMAGES.iterdir()}


@pytest.mark.parametrize("path", sorted(IMAGES.iterdir()), ids=lambda path: path.name)
def test_an_image_is_whole_and_small(path: Any) -> None:
    with Image.open(path) as image:
        image.load()
        assert image.format == {".png": "PNG", ".jpg": "JPEG"}[path.suffix]
    assert path.stat().st_size < 150_000


def test_all_images_together_are_small() -> None:
    assert sum(path.stat().st_size for path in IMAGES.iterdir()) < 1_200_000


# The worked example of MiFID


def example() -> tuple[dict[str, Any], str]:
    """Run the program of the page; return its variables and what it prints."""
    (program,) = (block for block in documents.blocks(TEXT) if block.language == "python")
    printed, variables = io.StringIO(), {}
    with contextlib.redirect_stdout(printed):
        exec("\n".join(program.lines), variables)
    return variables, printed.getvalue()


def sets_of_example() -> dict[str, np.ndarray]:
    variables, _ = example()
    return {"real": variables["real"], **variables["generators"]}


def test_the_program_prints_what_the_page_shows() -> None:
    blocks = documents.blocks(TEXT)
    place = next(index for index, block in enumerate(blocks) if block.language == "python")
    _, printed = example()
    assert printed.splitlines() == list(blocks[place + 1].lines)


@pytest.mark.parametrize("name", ["real", "honest", "copies"])
def test_the_points_are_those_of_the_program(name: str) -> None:
    (line,) = re.findall(rf"^{name} +\(.*$", TEXT, flags=re.M)
    points = [[number(x), number(y)] for x, y in re.findall(POINT, line)]
    assert np.array_equal(points, sets_of_example()[name])


def test_the_means_and_covariances_are_right() -> None:
    text = TEXT.partition("The means are ")[2].partition(".")[0]
    points = [[number(x), number(y)] for x, y in re.findall(POINT, text)]
    sets = sets_of_example()
    statistics = {name: mifid.statistics(features) for name, features in sets.items()}
    assert np.allclose(points, [statistics[name].mean for name in ("real", "honest", "copies")])
    assert np.allclose(statistics["real"].covariance, np.diag([4 / 3, 4 / 3]))
    for name in ("honest", "copies"):
        assert np.allclose(statistics[name].covariance, np.diag([16 / 3, 4 / 3]))


@pytest.mark.parametrize("name", ["honest", "copies"])
def test_the_terms_of_fid_are_right(name: str) -> None:
    means, of_samples, of_real, root, total = found(
        rf"FID of {name} = +([\d.]+) \+ ([\d.]+) \+ ([\d.]+) − 2·([\d.]+) = +([\d.]+)"
    )
    sets = sets_of_example()
    real, samples = mifid.statistics(sets["real"]), mifid.statistics(sets[name])
    assert means == pytest.approx(((real.mean - samples.mean) ** 2).sum())
    assert of_samples == pytest.approx(np.trace(samples.covariance), abs=5e-5)
    assert of_real == pytest.approx(np.trace(real.covariance), abs=5e-5)
    assert root == pytest.approx(np.sqrt(np.diag(real.covariance @ samples.covariance)).sum())
    assert total == pytest.approx(mifid.fid(generated=samples, real=real), abs=5e-5)


def test_the_distances_in_the_table_are_right() -> None:
    sets = sets_of_example()
    nearest_of_all = nearest(generated_features=sets["honest"], real_features=sets["real"])
    rows = rows_below("Now step 4.")
    assert len(rows) == len(sets["honest"])
    for place, (sample, neighbour, cosine, distance) in enumerate(rows):
        assert [number(x) for x in re.fullmatch(POINT, sample).groups()] == [*sets["honest"][place]]
        expected = sets["real"][nearest_of_all.neighbours[place]]
        assert [number(x) for x in re.fullmatch(POINT, neighbour).groups()] == [*expected]
        assert float(distance) == pytest.approx(nearest_of_all.distances[place], abs=5e-5)
        assert float(cosine) == pytest.approx(1 - nearest_of_all.distances[place], abs=5e-5)


def test_the_scores_in_the_prose_are_right() -> None:
    sets = sets_of_example()

    def distance(name: str) -> float:
        return mifid.memorization_distance(
            generated_features=sets[name], real_features=sets["real"]
        )

    (honest,) = found(r"d is their mean, ([\d.]+): above the threshold")
    assert honest == pytest.approx(distance("honest"), abs=5e-5)
    (two,) = found(r"\(5, −1\) do \(distance ([\d.]+)\)")
    copies = nearest(generated_features=sets["copies"], real_features=sets["real"])
    assert copies.distances == pytest.approx([0, 0, two, two], abs=5e-5)
    d, fid, again, score = found(r"d = ([\d.]+), and MiFID = ([\d.]+) / ([\d.]+) ≈ ([\d,]+)\.")
    assert d == again == pytest.approx(distance("copies"), abs=5e-6)
    expected = mifid.mifid(fid=7 / 3, memorization_distance=distance("copies"), threshold=0.1)
    assert fid == pytest.approx(7 / 3, abs=5e-5)
    assert score == pytest.approx(expected, abs=0.5)


def test_exercise_10_has_the_answers_that_the_page_gives() -> None:
    sets = sets_of_example()
    real = mifid.statistics(sets["real"])
    same = sets["real"][::-1]
    assert mifid.fid(generated=mifid.statistics(same), real=real) == 0
    d = mifid.memorization_distance(generated_features=same, real_features=sets["real"])
    assert d == pytest.approx(0, abs=1e-12)
    assert mifid.mifid(fid=0.0, memorization_distance=d, threshold=0.1) == 0
    opposite = np.array([[-3.0, -1.0]])
    d = mifid.memorization_distance(generated_features=opposite, real_features=sets["real"])
    assert d == pytest.approx(0, abs=1e-12)


# Networks, losses and parameters


def networks() -> dict[str, nn.Module]:
    model = settings().model
    size = NetworkSize(model.latent_dim, ImageShape(64, 3), 0)
    return FAMILIES["dcgan"].build(model.dcgan, size)


def map_shapes(network: nn.Module, inputs: Tensor) -> list[str]:
    """Return the shape of the maps behind each convolution, as the page writes it."""
    shapes = []

    def note(_layer: nn.Module, _inputs: Any, output: Tensor) -> None:
        shapes.append(" × ".join(map(str, output.shape[1:])))

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(note)
    with torch.no_grad():
        network(inputs)
    return shapes


def test_the_shapes_in_the_table_are_those_of_the_networks() -> None:
    table = rows_below("does the opposite")
    generator, discriminator = networks()["generator"], networks()["discriminator"]
    shapes = map_shapes(generator, torch.zeros(2, settings().model.latent_dim))
    assert [row[1] for row in table] == [str(settings().model.latent_dim), *shapes]
    shapes = map_shapes(discriminator, torch.zeros(2, 3, 64, 64))
    assert [row[3] for row in table] == ["3 × 64 × 64", *shapes[:-1], "1"]
    assert shapes[-1] == "1 × 1 × 1"


def test_the_networks_have_as_many_weights_as_the_page_says() -> None:
    counts = found(r"At 24 channels G has ([\d,]+) weights and D has ([\d,]+)\.")
    both = networks()
    assert counts == tuple(
        sum(weight.numel() for weight in both[name].parameters())
        for name in ("generator", "discriminator")
    )


def test_the_losses_of_exercise_2_are_right() -> None:
    d_real, d_fake = found(r"D answers ([\d.]+) for a crop and ([\d.]+) for a sample\.")
    loss_d, loss_g = found(r"Answer: D's ([\d.]+), G's ([\d.]+)\.")
    real, fake = torch.tensor([d_real]).logit(), torch.tensor([d_fake]).logit()
    ones, zeros = torch.ones(1), torch.zeros(1)
    computed = losses.discriminator_loss(real, ones) + losses.discriminator_loss(fake, zeros)
    assert loss_d == pytest.approx(float(computed), abs=5e-4)
    assert loss_g == pytest.approx(float(losses.generator_loss(fake)), abs=5e-4)


def test_the_losses_at_the_equilibrium_are_right() -> None:
    loss_d, loss_g = found(r"2 · log 2 = ([\d.]+) for D and log 2 = ([\d.]+) for G")
    logit, ones, zeros = torch.zeros(1), torch.ones(1), torch.zeros(1)
    computed = losses.discriminator_loss(logit, ones) + losses.discriminator_loss(logit, zeros)
    assert loss_d == pytest.approx(float(computed), abs=5e-4)
    assert loss_g == pytest.approx(float(losses.generator_loss(logit)), abs=5e-4)


def test_the_deviations_of_the_example_are_right() -> None:
    varied, alike = found(r"1, 3, 1, 3 the number is ([\d.]+); with 2, 2, 2, 2 it is ([\d.]+) ")
    layer = MinibatchStddev()
    for values, expected in (([1.0, 3.0, 1.0, 3.0], varied), ([2.0] * 4, alike)):
        added = layer(torch.tensor(values)[:, None, None, None])[:, 1]
        assert added.flatten().tolist() == pytest.approx([expected] * 4, rel=1e-3)


def test_the_best_answers_to_soft_labels_are_right() -> None:
    for_crops, for_samples = found(
        r"answers 0\.97 · 0\.95 \+ 0\.03 · 0\.15 = ([\d.]+) for crops and ([\d.]+) for samples"
    )
    labels = settings().train.adversarial
    draws = np.random.default_rng(0).random((2, 1_000_000))
    share = labels.swap_labels
    real, fake = labels.real_labels, labels.fake_labels
    for own, other, expected in ((real, fake, for_crops), (fake, real, for_samples)):
        targets = losses.label_targets(*draws, own=own, other=other, swap_share=share)
        assert expected == pytest.approx(targets.mean(), abs=1e-3)


def test_the_steps_are_counted_right() -> None:
    train = settings().train
    images, steps, times = found(r"([\d,]+) images are ([\d,]+) steps: each crop is shown (\d+) ")
    (crops,) = found(r"a set of images, here ([\d,]+) crops")
    assert images == train.images
    assert steps == train.images // train.batch_size
    assert times == train.images // crops
    batch_size, few, many = found(r"`train.batch_size=(\d+)` \((\d+) steps instead of ([\d,]+)")
    assert few == -(-20_000 // batch_size)
    assert many == 20_000 // train.batch_size


def test_the_defaults_in_the_table_are_those_of_params_yaml() -> None:
    content = params.read(REPOSITORY / "params.yaml")
    for _idea, key, default, _file in rows_below("## 8. "):
        value: Any = content
        for name in key.strip("`").split("."):
            value = value[name]
        assert YAML(typ="safe").load(default) == value, key


def test_the_functions_that_the_page_names_exist() -> None:
    modules = {"losses": losses, "mifid": mifid}
    spans = [span.split(".") for span in documents.code_spans(TEXT)]
    named = [(first, rest) for first, *rest in spans if first in modules and len(rest) == 1]
    assert len(named) >= 3
    for module, (function,) in named:
        assert callable(getattr(modules[module], function)), function


def test_the_files_in_the_table_can_be_imported() -> None:
    for *_, file in rows_below("## 8. "):
        importlib.import_module(file.strip("`").removesuffix(".py").replace("/", "."))
