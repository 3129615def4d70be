"""The page's text: complete, escaped, bounded, and honest about photos."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.common import files
from pipeline.common.paths import Paths
from pipeline.config import params
from pipeline.images import arrays
from pipeline.report import page
from pipeline.report.run import read_run
from tests.conftest import REPOSITORY
from tests.report.synthetic import BREEDS, write_run


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
    for name, value in content.items():
        for key in value if isinstance(value, dict) else [name]:
            assert f">{key}</th>" in section, f"{name}.{key}"


def test_names_are_escaped(html: str) -> None:
    assert BREEDS[1] not in html and "&lt;script&gt;alert(1)&lt;/script&gt;" in html
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
    from tests.report.synthetic import metrics

    paths = Paths(tmp_path)
    network = "inception" if official else "embedded"
    files.write_json(paths.metrics, metrics(official=official, extractor=network))
    html = page.render(read_run(paths), content, show_real=True)
    kaggle = re.search(r'aria-label="Kaggle[^"]*"', html)[0]
    assert ("this run" in kaggle) is official
    assert ('aria-label="This run and its floor' in html) is own_axis


def test_photos_stay_out_unless_asked_for(run_paths: Paths, content: dict, html: str) -> None:
    shown, hidden = html, page.render(read_run(run_paths), content, show_real=False)
    assert "crops of the training pictures" in shown and "beside training crop" in shown
    assert "crops of the training pictures" not in hidden
    assert "beside training crop" not in hidden and "report.show_photos" in hidden
    # Not by their words alone: the pictures themselves.
    uris = [set(re.findall(r"data:image/webp;base64,[^\"]+", text)) for text in (shown, hidden)]
    assert len(uris[0] - uris[1]) >= 2


def test_the_page_stays_under_5_mb_with_the_worst_pictures(tmp_path: Path, content: dict) -> None:
    # Noise does not compress: 40 grids of it, 10,000 reasons, 120 breeds, 2 million characters.
    draw = np.random.default_rng(0)
    paths = write_run(tmp_path, generator=False)
    noise = draw.integers(0, 256, (64, 64, 64, 3), dtype=np.uint8)
    sheet = arrays.encode_png(arrays.grid(noise, 8))
    for step in range(40):
        files.write_bytes(paths.grids / f"{step * 1000:09d}.png", sheet)
    files.write_npy(paths.generated, noise)
    files.write_npy(paths.crops, noise[::-1].copy())
    lines = ["file,breed,xmin,ymin,xmax,ymax,crop,reason"]
    lines += [f"{n}.jpg,breed {n % 120},0,0,{n % 90 + 9},50,,reason {n}" for n in range(10_000)]
    files.write_text(paths.index, "\n".join(lines))
    html = page.render(read_run(paths), content, show_real=True)
    assert len(html.encode()) < 5_000_000
    assert html.count("data-frame=") == page.FRAMES
    assert "16 of 43 grids" in html


def test_a_run_without_any_output_gives_a_page(tmp_path: Path, content: dict) -> None:
    html = page.render(read_run(Paths(tmp_path)), content, show_real=True)
    for name in ("data/index.csv", "outputs/metrics.json", "outputs/generator.pt"):
        assert f"<code>{name}</code> is not there" in html
    assert "Not judged" in html


@pytest.mark.parametrize(
    "names",
    [
        ("data/index.csv", "outputs/history.csv", "outputs/generated.npy", "outputs/metrics.json"),
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
    from tests.report.synthetic import metrics

    paths = Paths(tmp_path)
    files.write_json(paths.metrics, metrics(mifid=value, fid=value, floor_fid=value))
    html = page.render(read_run(paths), content, show_real=True)
    assert "This run and its floor" not in html and "Kaggle's public scores, 2019" in html


def test_pairs_that_point_nowhere_are_left_out(tmp_path: Path, content: dict) -> None:
    paths = write_run(tmp_path, generator=False)
    pairs = [{"generated": 10**6, "crop": 0, "distance": 0.1}, {"generated": "x"}, {}]
    files.write_json(paths.neighbours, {"pairs": pairs})
    assert "No pairs" in page.render(read_run(paths), content, show_real=True)
