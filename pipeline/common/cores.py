"""How many cores the process may use: one rule for all stages, told to OpenMP before torch loads.

Light: it is imported before anything large.
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# Rounds that a thread waits actively, some microseconds, before it sleeps. The products and
# convolutions of a training step follow each other so closely that sleeping costs more than half of
# what a second core gives; longer than this, threads take the cores from one another where other
# programs run too (docs/training.md has the figures).
_SPINS = 3000
# Where Linux tells of processors, control groups (cgroups), and the group of this process.
_SYSTEM = Path("/sys")
_PROCESS = Path("/proc/self")


def prepare() -> None:
    """Tell OpenMP and the linear algebra how many threads to take, and to sleep while they wait,
    but for the first microseconds.

    It has to come before torch and NumPy are loaded, which read the environment once. Values that
    the user has set stay.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(usable()))
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", str(_SPINS))


def usable() -> int:
    """Return how many physical cores this process may use, at least 1: as many as OMP_NUM_THREADS
    says; else those that its affinity allows, and no more than its control group's quota, rounded
    (`docker run --cpus 1.5` gives 2).

    On a machine the number is always the same, however busy it is.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]  # one number a nesting level
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    quota = min(_quotas(), default=float("inf"))
    return max(1, int(min(_physical_cores(), quota + 0.5)))


def _physical_cores() -> int:
    """Return the number of cores, each counted once however many threads it runs at a time."""
    if not hasattr(os, "sched_getaffinity"):  # macOS: its cores run one each
        return os.cpu_count() or 1
    cores = set()
    for processor in os.sched_getaffinity(0):
        topology = _SYSTEM / f"devices/system/cpu/cpu{processor}/topology"
        cores.add(_read(topology / "thread_siblings_list") or str(processor))
    return len(cores)


def _quotas() -> Iterator[float]:
    """Yield the quota, in cores, of each control group that this process lies in."""
    for line in _read(_PROCESS / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        is_second_version = not controllers
        if not is_second_version and "cpu" not in controllers.split(","):
            continue
        root = _SYSTEM / "fs/cgroup"
        if not is_second_version:
            root /= "cpu"
        # In a container the path may be the host's, and the group's files lie at the root.
        below = PurePosixPath(path).relative_to("/")
        for folder in (root / part for part in (below, *below.parents)):
            if is_second_version:
                quota, _, period = _read(folder / "cpu.max").partition(" ")
            else:
                quota, period = (_read(folder / f"cpu.cfs_{n}_us") for n in ("quota", "period"))
            if quota.isdecimal() and period.isdecimal():  # "max" and -1 are no quota
                yield int(quota) / int(period)


def _read(path: Path) -> str:
    """Return the text of a file, stripped; nothing where it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
