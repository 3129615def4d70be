"""`seeds`: spread over runs, the verdict between two settings, and what cannot be compared."""

import json
import re
from pathlib import Path

import pytest

from pipeline.__main__ import main
from tests import factories

COMMON = {
    "extractor": "embedded",
    "extractor_sha256": "a",
    "extractor_precision": "float32",
    "reference": "photos",
    "reference_images": 9,
    "threshold": 0.1,
    "official": False,
}


def runs(root: Path, name: str, values: list[float], **others: object) -> list[str]:
    names = []
    for number, value in enumerate(values):
        folder = root / f"{name}{number}"
        (folder / "outputs").mkdir(parents=True)
        metrics = {**COMMON, "fid": value, "recall": 1 - value / 10, **others}
        (folder / "outputs" / "metrics.json").write_text(json.dumps(metrics))
        names.append(str(folder))
    return names


def seeds(root: Path, *arguments: str) -> int:
    return main(["--root", str(root), "seeds", *arguments])


def test_mean_deviation_and_range_of_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert seeds(tmp_path, *runs(tmp_path, "a", [1.0, 2.0, 3.0])) == 0
    said = capsys.readouterr().out
    assert "fid: 2 ± 1 (1 to 3, 3 seeds)" in said
    assert "recall: 0.8 ± 0.1" in said
    assert "threshold" not in said  # the same in all
    assert "nothing can be told" not in said  # nothing was asked


def test_the_better_setting_is_named_by_each_metrics_direction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = runs(tmp_path, "good", [1.0, 1.1, 1.2, 1.3])
    bad = runs(tmp_path, "bad", [2.0, 2.1, 2.2, 2.3])
    assert seeds(tmp_path, *good, "--against", *bad) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[-1] for line in lines if "against" in line and "±" in line] == [
        "better (p 0.029)"
    ] * 2
    assert seeds(tmp_path, *bad, "--against", *good) == 0
    assert capsys.readouterr().out.count("worse (p 0.029)") == 2


@pytest.mark.parametrize(("count", "is_said"), [(2, True), (3, True), (4, False)])
def test_too_few_runs_to_tell_anything_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int, is_said: bool
) -> None:
    one = runs(tmp_path, "one", [1.0, 2.0, 3.0, 4.0][:count])
    other = runs(tmp_path, "other", [5.0, 6.0, 7.0, 8.0][:count])
    assert seeds(tmp_path, *one, "--against", *other) == 0
    assert ("nothing can be told at p = 0.05" in capsys.readouterr().out) == is_said


def test_what_seeds_explain_cannot_be_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = runs(tmp_path, "one", [1.0, 2.0, 3.0, 4.0])
    other = runs(tmp_path, "other", [1.5, 2.5, 3.5, 4.5])
    assert seeds(tmp_path, *one, "--against", *other) == 0
    said = capsys.readouterr().out
    assert "cannot tell (p" in said and "seeds a side would)" in said


@pytest.mark.parametrize("key", ["extractor_sha256", "reference_images"])
def test_scores_of_different_networks_or_images_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    one, other = runs(tmp_path, "one", [1.0]), runs(tmp_path, "other", [1.0], **{key: 7})
    assert seeds(tmp_path, *one, *other) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and key in said and "cannot be compared" in said


@pytest.mark.parametrize("content", [None, "{", "[]", "null", "{}"])
def test_a_run_without_metrics_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    (folder,) = runs(tmp_path, "a", [1.0])
    path = Path(folder, "outputs", "metrics.json")
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert seeds(tmp_path, folder) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and folder in said


def test_resampling_tells_the_noise_of_latents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run is drawn and scored anew as its own stages do; its files stay as they are."""
    changes = {"data.source": "digits", "crop.side_px": 16, "reference.pictures": "crops",
               "competition": "none", "train.flips": False, "generate.count": 30}  # fmt: skip
    root = tmp_path / "run"
    root.mkdir()
    factories.write_params(
        root, **{key.replace(".", "__"): value for key, value in changes.items()}
    )
    assert main(["--root", str(root), "all"]) == 0
    before = {path: path.read_bytes() for path in (root / "outputs").glob("*.*")}
    capsys.readouterr()
    assert seeds(tmp_path, str(root), "--resample", "2") == 0
    said = capsys.readouterr().out
    (line,) = (line for line in said.splitlines() if line.startswith("fid: "))
    fid, noise = re.fullmatch(r"fid: ([\d.e-]+), ± ([\d.e-]+) by other latents.*", line).groups()
    assert 0 < float(noise) < float(fid)
    assert {path: path.read_bytes() for path in (root / "outputs").glob("*.*")} == before


def test_resampling_needs_a_whole_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seeds(tmp_path, *runs(tmp_path, "a", [1.0]), "--resample", "1") == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "params.yaml" in said
