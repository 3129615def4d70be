"""The device that is asked for, or a clear line."""

import platform
import subprocess
import sys

import pytest
import torch

from pipeline.common import devices
from pipeline.common.errors import InputError


def test_cpu_is_always_there() -> None:
    assert devices.pick("cpu") == torch.device("cpu")


def test_auto_takes_what_there_is() -> None:
    kind = devices.pick("auto").type
    if torch.cuda.is_available():
        assert kind == "cuda"
    else:
        assert kind == ("mps" if torch.backends.mps.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA GPU")
def test_a_missing_gpu_is_one_line() -> None:
    with pytest.raises(InputError, match=r"device = 'cuda': .* set device to auto or to one of"):
        devices.pick("cuda")


@pytest.mark.parametrize(("wanted", "found"), [(1, 1), (3, 3), (None, 2)])
def test_threads_hold_inside_and_are_put_back(wanted: int | None, found: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ValueError), devices.cpu_threads(wanted):
            assert torch.get_num_threads() == found
            raise ValueError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


FAULTS = """
import resource, sys, torch
from pipeline.common import devices
if sys.argv[1] == "kept":
    devices.keep_freed_memory()
def pages_faulted():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):  # blocks so large that glibc maps each anew
        blocks = [torch.ones(10 * 2**20) for _ in range(2)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
pages_faulted()
print(pages_faulted())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_freed_memory_is_kept_for_the_next_tensors() -> None:
    def faults(setting: str) -> int:
        # In processes of their own: the setting cannot be taken back.
        command = [sys.executable, "-c", FAULTS, setting]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert faults("kept") < 100  # 204,800 pages are written
    assert faults("left alone") > 1000
