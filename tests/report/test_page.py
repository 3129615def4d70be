"""The page's text: complete, escaped, bounded, and without photos unless asked for."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.common import files, npy
from pipeline.common.paths import Paths
from pipeline.config import params
from pipeline.images import arrays
from pipeline.report import facts, page
from pipeline.report.run import read_run
from tests import factories
from tests.conftest import REPOSITORY
from tests.report.synthetic import CLASSES, metrics, write_curves, write_run


@pytest.fixture(scope="module")
def content() -> dict:
    return params.read(REPOSITORY / "params.yaml")


@pytest.fixture(scope="module")
def html(run_paths: Paths, content: dict) -> str:
    return page.render(read_run(run_paths), content, show_real=True)


def test_nothing_is_loaded_from_elsewhere(html: str) -> None:
    for attribute in re.findall(r'(?:src|href|srcset|action)="([^"]*)"', html):
        assert attribute.startswith(("data:", "#"))
    assert "@import" not in html and not re.search(r"url\((?!#)", html)
    assert "default-src 'none'" in html


def test_every_parameter_is_shown(html: str, content: dict) -> None:
    section = html[html.index('id="parameters"') :]
    for name in facts.flat_parameters(content):
        *sub_sections, key = name.split(".")
        assert f">{key}</th>" in section, name
        if len(sub_sections) > 1:
            assert f">{'.'.join(sub_sections)}</th>" in section, name


VAE = {
    ("evidence (nats)", "elbo", "ELBO"): (np.arange(1, 9) * 500, np.linspace(-900, -90, 8)),
    ("evidence (nats)", "kl", "KL(q|p)"): (np.arange(1, 9) * 500, np.linspace(1, 20, 8)),
    ("NA", "precision", "007"): (np.array([2000, 4000]), np.array([0.25, 0.5])),
}


def test_a_family_with_other_metrics_shows_them_under_its_own_names(
    tmp_path: Path, content: dict
) -> None:
    paths = Paths(tmp_path)
    write_curves(paths.curves_csv, VAE)
    sheet = factories.png(factories.photo())
    for seen in (1000, 4000):
        files.write_bytes(paths.grids / f"{seen:09d}.png", sheet)
    html = page.render(read_run(paths), content, show_real=True)
    described = re.findall(r'aria-label="([^"]* against images seen[^"]*)"', html)
    assert described == [
        "evidence (nats) against images seen. At 4,000 images: ELBO -90, KL(q|p) 20.",
        "NA against images seen. At 4,000 images: 007 0.5.",
    ]
    assert re.findall(r'data-frame="([^"]*)"', html) == [
        "1,000 images seen", "4,000 images seen, 007 0.5"
    ]  # fmt: skip
    assert "4,000 images seen." in html  # the subtitle
    assert "Scores while training" in html


def test_grey_images_are_shown_as_colours_are(tmp_path: Path, content: dict, html: str) -> None:
    grey = page.render(read_run(write_run(tmp_path, channels=1)), content, show_real=True)
    assert grey.count("<img") == html.count("<img") > 10
    assert " is not there" not in grey and "cannot be read" not in grey


def test_one_class_is_called_the_class(tmp_path: Path, content: dict) -> None:
    paths = Paths(tmp_path)
    header = "file,class,xmin,ymin,xmax,ymax,crop,reason"
    for names, summary in ((("a", "a"), "The class"), (("a", "b"), "All 2 classes")):
        lines = [f"{n}.jpg,{name},0,0,9,9,{n}," for n, name in enumerate(names)]
        files.write_text(paths.index, "\n".join([header, *lines]))
        html = page.render(read_run(paths), content, show_real=True)
        assert f"<summary>{summary}</summary>" in html


def test_names_are_escaped(html: str) -> None:
    assert CLASSES[1] not in html and "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<b>broken</b>" not in html


def test_score_hashes_times_and_commit_are_there(html: str, run_paths: Paths) -> None:
    assert "41.7" in html and "12.46" in html and "31.1" in html and "57 to 187" in html
    assert "ab" * 32 in html
    assert files.sha256(run_paths.generator) in html
    assert "6 min 40 s" in html
    assert "not a git checkout" in html


@pytest.mark.parametrize(("official", "own_axis"), [(False, True), (True, False)])
def test_a_proxys_number_never_stands_on_kaggles_scale(
    tmp_path: Path, content: dict, official: bool, own_axis: bool
) -> None:
    paths = Paths(tmp_path)
    network = "inception" if official else "embedded"
    files.write_json(paths.metrics, metrics(official=official, extractor=network))
    html = page.render(read_run(paths), content, show_real=True)
    kaggle = re.search(r'aria-label="Kaggle[^"]*"', html)[0]
    assert ("this run" in kaggle) is official
    assert ('aria-label="This run and unseen real images' in html) is own_axis


def test_another_competitions_scores_are_not_the_dogs(tmp_path: Path, content: dict) -> None:
    paths = Paths(tmp_path)
    protocols = {"gan-getting-started: 256 px": "solutions 37 to 79", "none: 28 px": None}
    for protocol, scores in protocols.items():
        files.write_json(paths.metrics, metrics(protocol=protocol))
        html = page.render(read_run(paths), content, show_real=True)
        assert "12.46" not in html and "2019" not in html
        kaggle = re.findall(r'aria-label="(Kaggle[^"]*)"', html)
        assert [scores in text for text in kaggle] == ([True] if scores else [])


def test_where_to_stop_is_said(tmp_path: Path, content: dict) -> None:
    """The number of images with the lowest score, and d there and at the end."""
    paths = Paths(tmp_path)
    reached = {"mifid_best": 3.0, "mifid_best_images": 2000, "mifid_best_d": 0.4}
    reached |= {"mifid_last": 5.0, "mifid_last_images": 3000, "mifid_last_d": 0.1}
    files.write_json(paths.training, {"images_seen": 3000} | reached)
    html = page.render(read_run(paths), content, show_real=True)
    assert "3.00, was at 2000 images (d 0.400)" in html and "train.images: 2000" in html
    files.write_json(paths.training, {"images_seen": 3000})
    assert "Where to stop" not in page.render(read_run(paths), content, show_real=True)


def test_photos_stay_out_unless_asked_for(run_paths: Paths, content: dict, html: str) -> None:
    shown, hidden = html, page.render(read_run(run_paths), content, show_real=False)
    assert "crops of the training set" in shown and "beside training crop" in shown
    assert "crops of the training set" not in hidden
    assert "beside training crop" not in hidden and "report.show_photos" in hidden
    # The images themselves, too, not only their texts.
    uris = [set(re.findall(r"data:image/webp;base64,[^\"]+", text)) for text in (shown, hidden)]
    assert len(uris[0] - uris[1]) >= 2


def test_the_page_stays_under_5_mb_with_the_worst_pictures(tmp_path: Path, content: dict) -> None:
    # Noise does not compress: 40 grids of it, 10,000 reasons, 120 classes, 2 million characters.
    paths = write_run(tmp_path, generator=False)
    noise = factories.noise(64, 64)
    sheet = arrays.encode_png(arrays.grid(noise, 8))
    for step in range(40):
        files.write_bytes(paths.grids / f"{step * 1000:09d}.png", sheet)
    npy.write(paths.generated, noise)
    npy.write(paths.crops, noise[::-1].copy())
    lines = ["file,class,xmin,ymin,xmax,ymax,crop,reason"]
    lines += [f"{n}.jpg,class {n % 120},0,0,{n % 90 + 9},50,,reason {n}" for n in range(10_000)]
    files.write_text(paths.index, "\n".join(lines))
    html = page.render(read_run(paths), content, show_real=True)
    assert len(html.encode()) < 5_000_000
    assert html.count("data-frame=") == page.FRAMES
    assert "16 of 43 grids" in html


def test_a_run_without_any_output_gives_a_page(tmp_path: Path, content: dict) -> None:
    html = page.render(read_run(Paths(tmp_path)), content, show_real=True)
    for name in ("data/index.csv", "outputs/metrics.json", "outputs/generator.pt"):
        assert f"<code>{name}</code> is not there" in html
    assert "Not known" in html


@pytest.mark.parametrize(
    "names",
    [
        ("data/index.csv", "outputs/curves.csv", "outputs/generated.npy", "outputs/metrics.json"),
        ("data/crops.npy", "outputs/training.json", "outputs/package.json", "outputs/nearest.json"),
    ],
)
def test_a_run_without_some_files_gives_a_page_that_names_them(
    tmp_path: Path, content: dict, names: tuple[str, ...]
) -> None:
    paths = write_run(tmp_path)
    for name in names:
        (tmp_path / name).unlink()
    html = page.render(read_run(paths), content, show_real=True)
    for name in names:
        assert f"<code>{name}</code> is not there" in html
    assert html.count(" is not there") == len(names)


def test_a_broken_generator_is_said_in_its_place(tmp_path: Path, content: dict) -> None:
    paths = write_run(tmp_path)
    paths.generator.write_bytes(b"junk")
    html = page.render(read_run(paths), content, show_real=True)
    latents = html[html.index('id="latents"') : html.index('id="nearest"')]
    assert "generator.pt" in latents and "<img" not in latents


@pytest.mark.parametrize("value", [0.0, -1e-9, None])
def test_a_score_that_no_logarithm_takes_gives_a_page(
    tmp_path: Path, content: dict, value: float | None
) -> None:
    paths = Paths(tmp_path)
    files.write_json(paths.metrics, metrics(mifid=value, fid=value, floor_fid=value))
    html = page.render(read_run(paths), content, show_real=True)
    assert "This run and unseen real images" not in html and "Kaggle's public scores, 2019" in html


def test_pairs_that_point_nowhere_are_left_out(tmp_path: Path, content: dict) -> None:
    paths = write_run(tmp_path, generator=False)
    pairs = [{"generated": 10**6, "crop": 0, "distance": 0.1}, {"generated": "x"}, {}]
    files.write_json(paths.neighbours, {"pairs": pairs})
    assert "No pairs" in page.render(read_run(paths), content, show_real=True)
