"""Any faults, any number of runs: in the end there is one submission, and one push."""

import random
from pathlib import Path

import pytest

from pipeline.common.errors import PipelineError
from pipeline.common.paths import Paths
from tests.kaggle import runs
from tests.kaggle.api.test_faults import ALL, PASSING
from tests.standins.kaggle_api import KaggleStandIn

pytestmark = pytest.mark.slow

FAULTS = [*PASSING.values(), {"status": 401}, {"status": 400}, {"hang_s": 0.9}, {"body": b"<html>"}]


@pytest.mark.parametrize("mode", ["file", "kernel"])
@pytest.mark.parametrize("seed", range(12))
def test_one_submission_whatever_happens(
    kaggle: KaggleStandIn, tmp_path: Path, mode: str, seed: int
) -> None:
    rng = random.Random(seed)
    paths = Paths(tmp_path / "checkout")
    runs.write_zip(paths.images_zip)
    runs.write_kernel(paths, kaggle)
    submit = runs.submit_zip if mode == "file" else runs.submit_bundle
    for _ in range(6):
        for _ in range(rng.randint(1, 4)):
            how = rng.choice(FAULTS)
            kaggle.fault(rng.choice(ALL[mode]), times=rng.randint(1, 3), **how)
        try:
            submit(paths)
        except PipelineError as error:
            assert "\n" not in str(error), "one line for the user"
    kaggle.server.faults.clear()
    assert submit(paths)["status"] == "complete"
    assert len(kaggle.submissions) == 1
    assert [len(one.pushes) for one in kaggle.kernels.values()] == ([1] if mode == "kernel" else [])
