"""The pages in a real browser, from a file:// address, with the network blocked."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.commands import plots_page
from pipeline.common.paths import Paths
from pipeline.config import params
from pipeline.report import compare, page, vega
from pipeline.report.run import read_run
from tests.browser import accessibility_faults
from tests.conftest import REPOSITORY
from tests.report.synthetic import CLASSES, metrics, write_run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(run_paths: Paths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    content = params.read(run_paths.root / "params.yaml")
    path = tmp_path_factory.mktemp("page with spaces & ümlaut") / "report.html"
    path.write_text(page.render(read_run(run_paths), content, show_real=True), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def comparison(run_paths: Paths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    content = params.read(run_paths.root / "params.yaml")
    run = read_run(run_paths)
    other = params.override(content, {"train.lr": 1e-4})
    entries = [
        compare.entry_of_run("<b>first</b>", run, content, of=3),
        compare.entry_of_run("second", run, other, of=3),
        compare.entry_of_images("third.zip", np.asarray(run.generated), of=3),
    ]
    path = tmp_path_factory.mktemp("compare") / "compare.html"
    path.write_text(compare.render(entries), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    assert main(["--root", str(root), "demo"]) == 0
    return root / "outputs" / "demo" / "index.html"


@pytest.fixture(params=["report", "comparison"])
def either(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["report", "comparison", "demonstration"])
def any_page(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_leaves_the_page_and_nothing_fails(
    any_page: Path, visit: Callable, scheme: str
) -> None:
    with visit(any_page, scheme=scheme) as visited:
        visited.page.wait_for_load_state("load")
        broken = visited.page.evaluate(
            "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
        )
        assert broken == 0
        assert visited.complaints == []
        loaded = [url for url in visited.requests if not url.startswith("data:")]
        assert loaded == [any_page.as_uri()]


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_no_sideways_scrolling(any_page: Path, visit: Callable, width: int) -> None:
    with visit(any_page, width=width) as visited:
        content = visited.page.evaluate("document.documentElement.scrollWidth")
        assert content <= width
        # Text in plots shrinks with them: on a phone it must stay readable.
        smallest = visited.page.evaluate(
            "Math.min(...[...document.querySelectorAll('svg text')].map(text => {"
            " const shown = text.getScreenCTM();"
            " return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(shown.a, shown.b);"
            "}))"
        )
        assert smallest >= 7


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1200)])
def test_no_accessibility_fault(any_page: Path, visit: Callable, scheme: str, width: int) -> None:
    with visit(any_page, scheme=scheme, width=width) as visited:
        visited.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert accessibility_faults(visited.page) == []


def test_the_slider_changes_the_picture(report: Path, visit: Callable) -> None:
    shown = "[...document.querySelectorAll('[data-frame]')].filter(f => f.offsetParent)"
    with visit(report) as visited:
        slider = visited.page.get_by_role("slider", name="Images seen")
        assert visited.page.evaluate(f"{shown}.map(f => f.dataset.frame)") == [
            "160,000 images seen, Q 2.5"
        ]
        before = visited.page.evaluate(f"{shown}[0].querySelector('img').src")
        slider.focus()
        visited.page.keyboard.press("ArrowLeft")
        assert visited.page.evaluate(f"{shown}.map(f => f.dataset.frame)") == [
            "80,000 images seen, Q 3.536"
        ]
        assert visited.page.evaluate(f"{shown}[0].querySelector('img').src") != before
        assert visited.page.locator("output").inner_text() == "80,000 images seen, Q 3.536"
        assert slider.get_attribute("aria-valuetext") == "80,000 images seen, Q 3.536"
        visited.page.keyboard.press("Home")
        assert visited.page.locator("output").inner_text() == "0 images seen"


def test_play_runs_to_the_last_picture_and_stops(report: Path, visit: Callable) -> None:
    with visit(report) as visited:
        button = visited.page.get_by_role("button")
        button.click()
        assert button.inner_text() == "Pause"
        assert visited.page.locator("output").inner_text() == "0 images seen"
        visited.page.get_by_role("button", name="Play").wait_for(timeout=10_000)
        assert visited.page.locator("output").inner_text() == "160,000 images seen, Q 2.5"


def test_dark_is_dark_in_pages_and_plots(either: Path, visit: Callable) -> None:
    def colours_in(scheme: str) -> tuple[list[int], list[int]]:
        with visit(either, scheme=scheme) as visited:
            colours = visited.page.evaluate(
                "[getComputedStyle(document.querySelector('section')).backgroundColor,"
                " getComputedStyle(document.querySelector('svg text')).fill]"
            )
        back, ink = ([int(part) for part in re.findall(r"\d+", colour)[:3]] for colour in colours)
        return back, ink

    back, ink = colours_in("light")
    assert min(back) > 200 and max(ink) < 120
    back, ink = colours_in("dark")
    assert max(back) < 60 and min(ink) > 150


def test_names_are_text_not_markup(report: Path, comparison: Path, visit: Callable) -> None:
    with visit(report) as visited:
        assert visited.page.evaluate("document.scripts.length") == 1  # the slider's
        visited.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        text = visited.page.locator("#data").inner_text()
        for name in CLASSES:
            assert name in text
        assert "<b>broken</b> XML" in text
    with visit(comparison) as visited:
        assert "<b>first</b>" in visited.page.locator("h3").first.inner_text()


def test_without_javascript_the_last_grid_is_shown(report: Path, browser) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    try:
        opened = context.new_page()
        opened.goto(report.as_uri())
        assert opened.locator("[data-frame]:visible").count() == 1
        assert opened.locator(".slideshow:visible").count() == 0
    finally:
        context.close()


def test_a_run_that_left_nothing_still_gives_a_page(tmp_path: Path, visit: Callable) -> None:
    content = params.read(REPOSITORY / "params.yaml")
    path = tmp_path / "report.html"
    path.write_text(
        page.render(read_run(Paths(tmp_path / "none")), content, show_real=True), encoding="utf-8"
    )
    with visit(path) as visited:
        assert visited.complaints == []
        assert "outputs/metrics.json" in visited.page.get_by_role("note").first.inner_text()


def test_dvc_plots_work_without_a_network(tmp_path: Path, visit: Callable) -> None:
    """`dvc plots` with our page template and our template of the curves, in a repository of its
    own, with the plots of this repository's dvc.yaml."""
    from ruamel.yaml import YAML

    paths = write_run(tmp_path, generator=False)
    yaml = YAML()
    plots = yaml.load(REPOSITORY / "dvc.yaml").get("plots")
    assert plots, "dvc.yaml has plots"
    with (tmp_path / "dvc.yaml").open("w") as file:
        yaml.dump({"plots": plots}, file)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    shutil.copytree(REPOSITORY / ".dvc" / "plots", tmp_path / ".dvc" / "plots")
    shutil.copy(REPOSITORY / ".dvc" / "config", tmp_path / ".dvc" / "config")
    vega.write_plots_page(tmp_path / plots_page.PAGE)
    subprocess.run(
        [sys.executable, "-m", "dvc", "plots", "show"], cwd=tmp_path, check=True,
        capture_output=True,
    )  # fmt: skip
    index = tmp_path / "dvc_plots" / "index.html"
    lines = [entry for entry in plots if isinstance(entry, dict)]
    with visit(index) as visited:
        visited.page.wait_for_function(
            f"document.querySelectorAll('canvas, svg.marks').length >= {len(lines)}", timeout=20_000
        )
        assert visited.complaints == []
        shown = visited.page.locator("svg.marks").first.text_content()
        for panel in read_run(paths).curves:  # DVC keeps the columns that dvc.yaml does not name
            assert panel.title in shown
            assert all(line.label in shown for line in panel.lines)
        elsewhere = [url for url in visited.requests if not url.startswith(("file:", "data:"))]
        assert elsewhere == []
        broken = visited.page.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
        assert broken == 0


def test_metrics_of_different_networks_are_called_not_comparable(
    run_paths: Paths, tmp_path: Path, visit: Callable
) -> None:
    from dataclasses import replace

    run = read_run(run_paths)
    official = replace(run, metrics=metrics(extractor="inception", official=True))
    entries = [
        compare.entry_of_run(name, taken, None, of=2)
        for name, taken in (("a", run), ("b", official))
    ]
    path = tmp_path / "compare.html"
    path.write_text(compare.render(entries), encoding="utf-8")
    with visit(path) as visited:
        assert "Not comparable" in visited.page.locator("#metrics").inner_text()
        assert visited.page.locator("#metrics strong").count() == 1  # no best of a row
