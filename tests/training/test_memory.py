"""A batch too large for the memory is one line that names one which is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.training import memory
from tests.conftest import REPOSITORY
from tests.factories import workplace, write_params

CPU = torch.device("cpu")


def too_large(limit: int) -> object:
    """Makes steps that fit up to `limit` images."""

    def try_step(images: int) -> None:
        if images > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")

    return try_step


def test_the_batch_that_fits_is_named() -> None:
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB\nmore")
    told = str(memory.explained(error, too_large(40), 128, CPU))
    assert "train.batch_size = 128; 32 would fit" in told
    assert "\n" not in told
    assert "make the networks smaller (section model)" in str(
        memory.explained(error, too_large(1), 128, CPU)
    )


def test_other_faults_are_not_taken_for_it() -> None:
    assert not memory.is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))

    def broken(images: int) -> None:
        raise RuntimeError("another fault")

    with pytest.raises(RuntimeError, match="another fault"):
        memory.explained(MemoryError(), broken, 8, CPU)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS is not kept elsewhere")
def test_the_real_command_in_a_small_address_space(tmp_path: Path) -> None:
    paths = workplace(tmp_path, count=8192)
    write_params(tmp_path, train__batch_size=8192, model__dcgan__channels=64, train__images=10**6)
    script = (
        "import resource, sys, torch;"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize();"
        "limit = used + 1000 * 2**20; resource.setrlimit(resource.RLIMIT_AS, (limit, limit));"
        "from pipeline.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--root", str(paths.root), "train"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=200,
    )
    assert done.returncode == 1, done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("error: out of memory on cpu with train.batch_size = 8192; ")
    assert "would fit" in line, line
