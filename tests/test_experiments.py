"""The commands of docs/experiments.md that are DVC's, run in their order on a small checkout."""

import re
import time
from pathlib import Path

import pytest

from tests import checkout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def run(folder: Path, line: str) -> str:
    return checkout.run(folder, *line.split(), timeout_s=900).stdout


def wait_for_the_queue(folder: Path) -> None:
    """Wait until no task is queued or runs."""
    end = time.monotonic() + 1200
    while re.search(r"\b(Queued|Running)\b", said := run(folder, "dvc queue status")):
        assert time.monotonic() < end, said
        time.sleep(2)
    assert "Failed" not in said, said


def test_a_queue_of_experiments_is_run_shown_compared_and_applied(
    tmp_path: Path, repository: Path
) -> None:
    folder = checkout.copy(repository, tmp_path / "clone")
    checkout.set_params(folder, {**checkout.TINY, "train.score_every_images": 128})
    run(folder, "python -m pipeline plots-page")
    run(folder, "dvc exp run -n one -S train.lr=3e-5")
    run(folder, "dvc exp run --queue -n seed -S train.seed=2,3")
    run(folder, "dvc exp run --queue -n wider -S model.dcgan.channels=8")
    run(folder, "dvc queue start")
    wait_for_the_queue(folder)
    shown = run(folder, "dvc exp show --csv")
    for name in ("one", "seed-1", "seed-2", "wider"):
        assert re.search(rf"\b{name}\b", shown), shown
    assert "fid" in shown.splitlines()[0] and "train.seed" in shown.splitlines()[0]
    run(folder, "dvc plots diff one wider")
    assert "Training curves" in (folder / "dvc_plots/index.html").read_text()
    assert "mifid" in run(folder, "dvc metrics diff one wider")
    run(folder, "python -m pipeline compare . one wider")
    page = (folder / "outputs/compare.html").read_text()
    assert "model.dcgan.channels" in page and "3 runs side by side" in page
    said = run(folder, "python -m pipeline seeds seed-1 seed-2 one --against wider")
    assert re.search(r"^fid: .* ± .* 3 seeds\); against ", said, re.M), said
    run(folder, "dvc exp apply wider")
    assert "channels: 8" in (folder / "params.yaml").read_text()
