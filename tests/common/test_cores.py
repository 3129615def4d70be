"""The number of cores: affinity, cores that run two threads, quotas of control groups."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.common import cores


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight processors on four cores, no quota; return the folder of /sys and /proc/self."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(cores, "_SYSTEM", tmp_path)
    monkeypatch.setattr(cores, "_PROCESS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for processor in range(8):
        siblings = f"{processor % 4},{processor % 4 + 4}\n"
        write(
            tmp_path / f"devices/system/cpu/cpu{processor}/topology/thread_siblings_list", siblings
        )
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.usefixtures("machine")
def test_a_core_of_two_threads_counts_once() -> None:
    assert cores.usable() == 4


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(("allowed", "count"), [({0, 4}, 1), ({0, 1}, 2), ({3}, 1), ({1, 2, 5}, 2)])
def test_affinity_decides_which_cores_count(
    monkeypatch: pytest.MonkeyPatch, allowed: set[int], count: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: allowed)
    assert cores.usable() == count


@pytest.mark.usefixtures("machine")
def test_without_a_topology_each_processor_is_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {40, 41, 42})
    assert cores.usable() == 3


@pytest.mark.parametrize(
    ("quota", "count"),
    [("150000 100000", 2), ("140000 100000", 1), ("10000 100000", 1), ("900000 100000", 4),
     ("max 100000", 4)],
)  # fmt: skip
def test_a_quota_of_the_container_is_rounded(machine: Path, quota: str, count: int) -> None:
    """Where a container has its own view, its group's files lie at the root."""
    write(machine / "cgroup", "0::/\n")
    write(machine / "fs/cgroup/cpu.max", quota + "\n")
    assert cores.usable() == count


def test_the_smallest_quota_of_all_groups_above_holds(machine: Path) -> None:
    write(machine / "cgroup", "0::/jobs/mine/step\n")
    write(machine / "fs/cgroup/jobs/cpu.max", "200000 100000\n")
    write(machine / "fs/cgroup/jobs/mine/cpu.max", "max 100000\n")
    write(machine / "fs/cgroup/jobs/mine/step/cpu.max", "300000 100000\n")
    assert cores.usable() == 2


def test_a_quota_of_the_first_version_of_control_groups(machine: Path) -> None:
    write(machine / "cgroup", "5:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n1:cpuset:/\n")
    write(machine / "fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    write(machine / "fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    assert cores.usable() == 4
    write(machine / "fs/cgroup/cpu/docker/1/cpu.cfs_quota_us", "250000\n")
    write(machine / "fs/cgroup/cpu/docker/1/cpu.cfs_period_us", "100000\n")
    assert cores.usable() == 3


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(("asked", "count"), [("7", 7), ("3,1", 3), ("0", 4), ("many", 4)])
def test_what_the_user_asked_for_goes_first(
    monkeypatch: pytest.MonkeyPatch, asked: str, count: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert cores.usable() == count


PROGRAM = """
import os, sys
from pipeline import __main__
__main__.main(["use"])
assert "torch" not in sys.modules  # OpenMP reads the environment once, when torch loads it
import torch
print(torch.get_num_threads(), os.environ["OMP_WAIT_POLICY"], os.environ["GOMP_SPINCOUNT"])
"""


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({}, "1 passive 3000"),
        ({"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "active"}, "2 active 3000"),
    ],
)
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
def test_the_command_line_tells_torch_in_time(setting: dict[str, str], said: str) -> None:
    """On one processor, torch's own choice is still as many threads as the machine has cores."""
    own = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    one = min(os.sched_getaffinity(0))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**own, **setting},
        preexec_fn=lambda: os.sched_setaffinity(0, {one}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == said
