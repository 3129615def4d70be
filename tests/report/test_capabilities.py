"""What the page shows of a generator that has an encoder, two latents or classes, whatever its
family."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.common import files, npy
from pipeline.common.paths import Paths
from pipeline.config import content
from pipeline.data import held_out
from pipeline.data.arrays.raw import LabelledImages
from pipeline.images.shape import ImageShape
from pipeline.models.saved import GeneratorInfo, SavedGenerator
from pipeline.report import latents, page
from pipeline.report.run import read_run
from tests import factories
from tests.conftest import REPOSITORY
from tests.report.synthetic import metrics

SIDE = 8
CLASSES = ("cat", "<dog>", "owl")
HEADINGS = {
    "classes": "The same latents in each class",
    "plane": "The plane of latents",
    "reconstructions": "Reconstructions",
}


class Autoencoder(nn.Module):
    """A generator whose images show latents and label: the left half is as bright as the first
    latent, the right half as the second, and each label above 0 darkens the first row. Its encoder
    is the exact inverse."""

    def __init__(self, *, has_encoder: bool) -> None:
        super().__init__()
        if has_encoder:
            self.encoder = self._Encoder()

    class _Encoder(nn.Module):
        def forward(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
            halves = images[:, 0, 1:].unflatten(2, (2, -1)).mean((1, 3))
            return 4 * halves, torch.zeros_like(halves)

    def forward(self, found: Tensor, labels: Tensor | None = None) -> Tensor:
        halves = found[:, :2] / 4
        images = halves.repeat_interleave(SIDE // 2, 1)[:, None, None].repeat(1, 1, SIDE, 1)
        if labels is not None:
            images[:, 0, 0] = 1.0 - labels[:, None]
        return images.clamp(-1, 1)


def generator(
    *, latent_dim: int = 2, has_encoder: bool = True, classes: tuple[str, ...] = ()
) -> SavedGenerator:
    info = GeneratorInfo(
        family="none of ours", parameters={}, latent_dim=latent_dim, shape=ImageShape(SIDE, 1),
        class_names=classes, class_counts=(1,) * len(classes), images_seen=0, fingerprint="",
    )  # fmt: skip
    return SavedGenerator(info, Autoencoder(has_encoder=has_encoder), torch.device("cpu"))


@pytest.fixture
def run(tmp_path: Path) -> Paths:
    """A run with crops, a test set and a file where a generator would be."""
    paths = factories.workplace(tmp_path, 24, SIDE, classes=CLASSES, channels=1)
    test = LabelledImages(factories.images(30, SIDE, channels=1, seed=5), np.arange(30) % 3)
    held_out.write(paths.held_out, test, CLASSES)
    files.write_bytes(paths.generator, b"")
    return paths


def html(
    monkeypatch: pytest.MonkeyPatch, paths: Paths, made: SavedGenerator, *, show_real: bool = True
) -> str:
    monkeypatch.setattr(SavedGenerator, "load", lambda *_: made)
    parameters = content.read(REPOSITORY / "params.yaml")
    return page.render(read_run(paths), parameters, show_real=show_real)


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        ({}, {"plane", "reconstructions"}),
        ({"has_encoder": False}, {"plane"}),
        ({"latent_dim": 3}, {"reconstructions"}),
        ({"classes": CLASSES}, {"classes", "plane", "reconstructions"}),
        ({"classes": CLASSES, "has_encoder": False, "latent_dim": 3}, {"classes"}),
        ({"has_encoder": False, "latent_dim": 3}, set()),
    ],
)
def test_what_a_generator_can_do_is_shown(
    monkeypatch: pytest.MonkeyPatch, run: Paths, made: dict, shown: set[str]
) -> None:
    text = html(monkeypatch, run, generator(**made))
    assert {name for name, heading in HEADINGS.items() if f">{heading}</h3>" in text} == shown


def test_real_images_are_hidden_with_their_reconstructions(
    monkeypatch: pytest.MonkeyPatch, run: Paths
) -> None:
    text = html(monkeypatch, run, generator(), show_real=False)
    assert HEADINGS["reconstructions"] not in text and HEADINGS["plane"] in text


def test_unseen_images_are_reconstructed_where_there_are_some(
    monkeypatch: pytest.MonkeyPatch, run: Paths
) -> None:
    assert "24 test images, which training did not see" in html(monkeypatch, run, generator())
    held_out.write_empty(run.held_out, ImageShape(SIDE, 1))
    assert "24 training images, below each" in html(monkeypatch, run, generator())


def test_names_of_classes_are_escaped(monkeypatch: pytest.MonkeyPatch, run: Paths) -> None:
    text = html(monkeypatch, run, generator(classes=CLASSES))
    assert "from above: cat, &lt;dog&gt;, owl." in text


def test_the_classes_of_data_and_samples_stand_side_by_side(
    monkeypatch: pytest.MonkeyPatch, run: Paths
) -> None:
    plot = "Classes of data and samples"
    files.write_json(run.metrics, metrics())
    assert plot not in html(monkeypatch, run, generator())
    shares = {
        f"class_share_{name}": share for name, share in zip(CLASSES, (0.5, 0.5, 0), strict=True)
    }
    files.write_json(run.metrics, metrics(**shares, class_chi2=12.5, class_p=0.25))
    text = html(monkeypatch, run, generator())
    described = re.search(rf'aria-label="({plot}[^"]*)"', text)[1]
    assert described.startswith(f"{plot}, data and samples: ")
    for entry in ("cat 0.333 and 0.5", "&lt;dog&gt; 0.333 and 0.5", "owl 0.333 and 0."):
        assert entry in described
    assert "12.5" in text and "p 0.25" in text


# --- the images themselves ----------------------------------------------------------------------


def test_an_exact_encoder_gives_the_originals_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made = generator()
    monkeypatch.setattr(SavedGenerator, "load", lambda *_: made)
    images = made.sample(1, 6)
    found = latents.reconstructions(Path(), images, np.array(["any"] * 6))
    assert np.abs(found.astype(int) - images).max() <= 1
    # Of another shape, or of a class that the generator does not know: none.
    assert latents.reconstructions(Path(), images.repeat(3, 3), np.array(["any"] * 6)) is None
    made = generator(classes=CLASSES)
    assert latents.reconstructions(Path(), images, np.array(["any"] * 6)) is None
    assert latents.reconstructions(Path(), images, np.array(["owl"] * 6)) is not None


def test_a_row_a_class_and_a_column_a_latent(monkeypatch: pytest.MonkeyPatch) -> None:
    made = generator(classes=CLASSES)
    monkeypatch.setattr(SavedGenerator, "load", lambda *_: made)
    images, names = latents.of_each_class(Path(), columns=4, most=2, seed=1)
    assert names == CLASSES[:2] and images.shape == (8, SIDE, SIDE, 1)
    rows = images.reshape(2, 4, SIDE, SIDE)
    assert np.array_equal(rows[0, :, 1:], rows[1, :, 1:])  # the latents
    assert (rows[0, :, 0] == 255).all() and (rows[1, :, 0] == 128).all()  # the class
    assert len({column.tobytes() for column in rows[0]}) == 4


def test_the_plane_grows_to_the_right_and_upwards(monkeypatch: pytest.MonkeyPatch) -> None:
    made = generator(classes=CLASSES)
    monkeypatch.setattr(SavedGenerator, "load", lambda *_: made)
    found, class_name = latents.plane(Path(), side=5)
    images = found.reshape(5, 5, SIDE, SIDE).astype(int)
    assert (np.diff(images[:, :, 3, 0], axis=1) > 0).all()  # the left half is the first latent
    assert (np.diff(images[:, :, 3, -1], axis=0) < 0).all()  # the right half the second
    assert class_name == "cat" and (images[:, :, 0] == 255).all()  # all of the first class


def test_crops_and_index_of_two_runs_are_not_put_together(
    monkeypatch: pytest.MonkeyPatch, run: Paths
) -> None:
    held_out.write_empty(run.held_out, ImageShape(SIDE, 1))
    npy.write(run.crops, factories.images(20, SIDE, channels=1))
    assert HEADINGS["reconstructions"] not in html(monkeypatch, run, generator())
