"""Runs side by side: what is marked, what differs, what is missing."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.common.paths import Paths
from pipeline.report import compare
from pipeline.report.run import read_run
from tests import factories
from tests.report.synthetic import metrics, write_curves, write_run


def entry(name: str, found: dict | None, parameters: dict | None = None) -> compare.Entry:
    return compare.Entry(name, None, found, None, parameters)


def bold(html: str) -> list[str]:
    table = html[html.index('id="metrics"') : html.index('id="curves"')]
    return re.findall(r"<strong>([^<]*)</strong>", table)


def test_the_best_of_each_row_is_bold() -> None:
    runs = [
        entry("a", metrics(mifid=40.0, fid=40.0, precision=0.4)),
        entry("b", metrics(mifid=50.0, fid=35.0, precision=0.6)),
    ]
    assert bold(compare.render(runs)) == ["40", "35", "0.6"]


def test_scores_of_different_networks_have_no_best() -> None:
    runs = [entry("a", metrics()), entry("b", metrics(mifid=1.0, reference="crops"))]
    html = compare.render(runs)
    assert "Not comparable" in html and bold(html) == ["Not comparable."]


def verdicts(html: str) -> list[str]:
    return re.findall(r"<li>(MiFID of [^<]*)</li>", html)


def runs_of(name: str, values: list[float], **train: object) -> list[compare.Entry]:
    return [
        entry(f"{name}{seed}", metrics(mifid=value),
              {"train": {"seed": seed, **train}, "generate": {"seed": seed}})
        for seed, value in enumerate(values)
    ]  # fmt: skip


def test_settings_are_told_apart_only_by_more_than_their_seeds_explain() -> None:
    slow = runs_of("slow", [1.0, 1.1, 1.2, 1.3], lr=1e-4)
    fast = runs_of("fast", [2.0, 2.1, 2.2, 2.3], lr=1e-3)
    like = runs_of("like", [1.05, 1.15, 1.25, 1.3], lr=2e-4)
    (worse,) = verdicts(compare.render([*slow, *fast]))
    assert worse == (
        "MiFID of fast0, fast1, fast2, fast3 against slow0, slow1, slow2, slow3: worse (p 0.029)."
    )
    (better,) = verdicts(compare.render([*fast, *slow]))
    assert better.startswith("MiFID of slow0") and better.endswith("better (p 0.029).")
    found = verdicts(compare.render([*slow, *fast, *like]))
    assert len(found) == 2 and "like" in found[1] and "cannot tell (p" in found[1]
    (few,) = verdicts(compare.render([slow[0], fast[0]]))
    assert few == "MiFID of fast0 against slow0: cannot tell (p 1)."


def test_seeds_of_one_setting_and_scores_that_differ_in_kind_get_no_verdict() -> None:
    slow = runs_of("slow", [1.0, 1.1], lr=1e-4)
    assert verdicts(compare.render(slow)) == []
    assert verdicts(compare.render([*slow, entry("zip", metrics()), entry("none", None)])) == []
    other = entry("other", metrics(reference="crops"), {"train": {"seed": 1, "lr": 1e-3}})
    assert verdicts(compare.render([*slow, other])) == []


def test_a_hash_shows_its_start() -> None:
    html = compare.render([entry("a", metrics(extractor_sha256="0123456789abcdef" * 4))])
    assert "0123456789ab…" in html and "0123456789abc" not in html


def test_only_parameters_that_differ_are_listed() -> None:
    runs = [
        entry("a", None, {"train": {"seed": 1, "adversarial": {"lr_g": 1e-4}}}),
        entry("b", None, {"train": {"seed": 1, "new": True, "adversarial": {"lr_g": 2e-4}}}),
        entry("zip", None),
    ]
    html = compare.render(runs)
    table = html[html.index('id="parameters"') :]
    assert re.findall(r'<th scope="row">([^<]*)<', table) == [
        "train.adversarial.lr_g", "train.new"
    ]  # fmt: skip
    assert re.findall(r"<td>([^<]*)</td>", table) == ["0.0001", "0.0002", "–", "–", "true", "–"]


def test_a_runs_gaps_are_named(tmp_path: Path) -> None:
    found = compare.entry_of_run("empty", read_run(Paths(tmp_path)), None, of=1)
    text = "; ".join(found.missing)
    for name in ("curves.csv", "metrics.json", "generator.pt", "params.yaml"):
        assert name in text
    assert found.samples is None
    html = compare.render([found])
    assert "empty is not complete" in html and "None of the runs has a score" in html


def described(html: str) -> list[str]:
    return re.findall(r'aria-label="([^"]* against images seen[^"]*)"', html)


def test_each_metric_that_a_run_logged_is_one_plot_of_all_runs_that_did(tmp_path: Path) -> None:
    seen = np.array([1000, 2000])
    gan = {("loss", "d", "D"): (seen, [3, 2]), ("loss", "g", "G"): (seen, [1, 4])}
    vae = {("loss", "elbo", "ELBO"): (seen, [9, 8]), ("divergence", "kl", "KL"): (seen, [5, 6])}
    both = {("loss", "g", "G"): (seen, [2, 0.5])}
    entries = []
    for name, lines in (("gan", gan), ("vae", vae), ("third", both)):
        paths = Paths(tmp_path / name)
        write_curves(paths.curves_csv, lines)
        entries.append(compare.entry_of_run(name, read_run(paths), None, of=3))
    assert described(compare.render(entries)) == [
        "loss: D against images seen, last: gan 2.",
        "loss: G against images seen, last: gan 4, third 0.5.",
        "loss: ELBO against images seen, last: vae 8.",
        "divergence against images seen, last: vae 6.",
    ]


@pytest.mark.parametrize("channels", [1, 3])
def test_runs_of_any_number_of_channels_stand_side_by_side(
    run_paths: Paths, tmp_path: Path, channels: int
) -> None:
    other = read_run(write_run(tmp_path, channels=channels))
    entries = [
        compare.entry_of_run(name, run, None, of=2)
        for name, run in (("one", read_run(run_paths)), ("other", other))
    ]
    assert all(entry.samples for entry in entries)
    assert compare.render(entries).count("latents 0 to 35 of seed 1") == 2


def test_generators_are_asked_for_the_same_latents(run_paths: Paths) -> None:
    run = read_run(run_paths)
    one, two = (compare.entry_of_run(name, run, {}, of=2) for name in ("one", "two"))
    assert one.samples.uri == two.samples.uri
    assert "of seed" in one.samples.caption


@pytest.mark.parametrize("count", [1, 24])
def test_many_runs_stay_under_5_mb(count: int) -> None:
    images = factories.noise(36, 64)
    runs = [compare.entry_of_images(f"run {n}", images, of=count) for n in range(count)]
    assert len(compare.render(runs).encode()) < 5_000_000


@pytest.mark.parametrize("channels", [1, 3])
def test_images_alone_are_shown(channels: int) -> None:
    found = compare.entry_of_images("images.zip", factories.images(40, channels=channels), of=2)
    assert "40 images" in found.samples.caption and found.metrics is None
