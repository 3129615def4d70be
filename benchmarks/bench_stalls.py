"""What training loses to rows, grids, scores and checkpoints, and how long it takes to start.

    python -m benchmarks.bench_stalls            # some three minutes on a CPU

The real loop runs for a short while with each event made more often, and every iteration of it is
clocked. An event costs what its iterations take beyond the median iteration without one; a score,
which is computed beside the training, what all iterations take longer until it is done. The share
is that of the full run: the cost of each event times how often it happens there. The start is timed
from outside, from the command to the row that follows its first step.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from ruamel.yaml import YAML

from pipeline.common import devices
from pipeline.common.paths import Paths
from pipeline.config import content, params, presets
from pipeline.config.schema import Params
from pipeline.scoring.sample_evaluator import SampleEvaluator
from pipeline.stages import train as stage
from pipeline.training.checkpoint import CheckpointFolder
from pipeline.training.engine.batches import Batches
from pipeline.training.monitor import monitor
from pipeline.training.monitor.evaluation import Evaluation
from pipeline.training.state import TrainingState
from tests import factories
from tests.conftest import REPOSITORY

# What is clocked, by the function that only its iterations call. A iteration begins with its batch.
EVENTS = {
    "row": (TrainingState, "log_row"),
    "grid": (monitor, "grid_png"),
    "checkpoint": (CheckpointFolder, "save"),
    "score": (Evaluation, "begin"),
}
SETTINGS: dict[str, dict[str, Any]] = {"as shipped": {}, "as on Kaggle": {"kaggle": True}}


class Clock:
    """When each iteration of the loop began, which events it had, and when scores were done; by the
    wall clock and by the processor time of the thread that trains."""

    def __init__(self) -> None:
        self.iterations: list[tuple[float, float]] = []
        self.events: list[set[str]] = []
        self.scored: list[float] = []
        self.score_processor_s = 0.0

    def iteration(self) -> None:
        self.iterations.append((time.perf_counter(), time.thread_time()))
        self.events.append(set())

    def event(self, name: str) -> None:
        if self.events:
            self.events[-1].add(name)

    def costs(self, clock: int) -> tuple[float, dict[str, list[float]]]:
        """Return the seconds of a plain iteration (the median), and what each event added."""
        began = [iteration[0] for iteration in self.iterations]
        lasted = np.diff([iteration[clock] for iteration in self.iterations])
        events = self.events[: len(lasted)]
        beside = np.zeros(len(lasted), bool)  # a score is being computed
        windows = []
        for first in (i for i, names in enumerate(events) if "score" in names):
            done = next((moment for moment in self.scored if moment > began[first]), None)
            if done is not None:
                windows.append(slice(first, int(np.searchsorted(began, done))))
                beside[windows[-1]] = True
        bare = np.array([not names for names in events])
        plain = float(np.median(lasted[bare & ~beside]))
        found: dict[str, list[float]] = {name: [] for name in EVENTS}
        for names, seconds, busy in zip(events, lasted, beside, strict=True):
            if len(names) == 1 and not busy:
                found[next(iter(names))].append(seconds - plain)
        for window in windows:
            own = lasted[window][[names <= {"score"} for names in events[window]]]
            found["score"].append(float((own - plain).sum()))
        return plain, found


@contextmanager
def clocked() -> Iterator[Clock]:
    clock = Clock()

    def before(call: Callable[[], None], original: Callable) -> Callable:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            call()
            return original(*arguments, **named)

        return wrapper

    def scored(evaluator: SampleEvaluator, samples: np.ndarray) -> dict[str, float]:
        found = score(evaluator, samples)
        clock.scored.append(time.perf_counter())
        clock.score_processor_s = time.thread_time()
        return found

    score = SampleEvaluator.__call__
    with ExitStack() as stack:
        put = lambda owner, name, new: stack.enter_context(mock.patch.object(owner, name, new))  # noqa: E731
        put(Batches, "at", before(clock.iteration, Batches.at))
        put(SampleEvaluator, "__call__", scored)
        for event, (owner, name) in EVENTS.items():
            call = lambda event=event: clock.event(event)  # noqa: E731
            put(owner, name, before(call, getattr(owner, name)))
        yield clock


def parameters(*, kaggle: bool = False, **changes: Any) -> Params:
    """Return the shipped parameters, or those of a kernel, with changes: `train__lr` stands for
    `train.lr`."""
    plain = content.read(REPOSITORY / "params.yaml")
    if kaggle:  # as stage `bundle` makes them
        preset = presets.read(REPOSITORY / "presets", plain["kaggle"]["preset"])
        plain = content.override(plain, preset.values | {"train.score_every_images": 0})
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return params.parse(content.override(plain, named), where="benchmark")


def start_seconds(paths: Paths) -> float:
    """Return the seconds from the command to its first row, which follows its first step."""
    settings = parameters(train__fresh=True)
    plain = settings.model_dump(mode="json")
    plain["train"] |= {"images": settings.train.batch_size * 2, "log_every_images": 1}
    with open(paths.root / "params.yaml", "w") as file:
        YAML(typ="safe").dump(plain, file)
    paths.history.unlink(missing_ok=True)
    begun = time.perf_counter()
    command = [sys.executable, "-m", "pipeline", "--root", str(paths.root), "train"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL) as process:
        while not paths.history.is_file():
            assert process.poll() in (None, 0), "the command failed"
            time.sleep(0.005)
        return time.perf_counter() - begun


def stalls(paths: Paths, setting: str, *, seconds: float, threads: int, device: str) -> None:
    full = parameters(**SETTINGS[setting])
    train, batch = full.train, full.train.batch_size
    often = {
        # No multiples of each other, so that most iterations have one event at most.
        "train.log_every_images": 37 * batch,
        "train.sample_every_images": 101 * batch,
        "train.checkpoint_minutes": seconds / 60 / 12,
        "train.score_every_images": train.score_every_images // 4,
        "train.time_limit_hours": seconds / 3600,
        "train.images": 10**9,
        "train.threads": threads,
        "train.fresh": True,
    }
    short = parameters(**SETTINGS[setting], **{k.replace(".", "__"): v for k, v in often.items()})
    with clocked() as clock, mock.patch("builtins.print"):
        stage.run(paths, device=device, model=short.model, train=short.train)
    for number, what in enumerate(("wall clock", "processor time of the thread that trains")):
        iteration, costs = clock.costs(number)
        steps = iteration * train.images / batch
        counts = {
            "row": train.images / train.log_every_images,
            "grid": train.images / train.sample_every_images,
            "score": train.images // (train.score_every_images or 10**12),
            "checkpoint": steps / 60 / train.checkpoint_minutes + 1,
        }
        print(
            f"{setting}, {what}: {full.model.dcgan.channels} channels, batch {batch}, "
            f"{batch / iteration:.0f} images/s, so {train.images} images take {steps / 60:.1f} min"
        )
        total = 0.0
        for name, each in costs.items():
            if counts[name] and each:
                # The first score is dearer: it also takes the features of the crops.
                cost = statistics.median(each[1:] or each)
                lost = counts[name] * cost + (each[0] - cost if name == "score" else 0)
                total += lost
                print(
                    f"  {name:10} {cost * 1e3:8.1f} ms x {counts[name]:5.0f} = "
                    f"{lost / (steps + lost):6.2%}"
                )
        print(f"  {'in all':10} {total / (steps + total):28.2%} of the run")
    if clock.scored:
        own = clock.score_processor_s / len(clock.scored)
        print(f"  a score takes {own:.1f} s of another core, the first one included")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--crops", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=75, help="of each setting's short run")
    options = parser.parse_args()
    device = devices.pick(options.device).type
    print(f"{device}, {options.threads} threads of {os.cpu_count()}")
    with tempfile.TemporaryDirectory() as folder:
        paths = factories.workplace(Path(folder), options.crops, 64, knots=8)
        starts = [start_seconds(paths) for _ in range(3)]
        print(
            f"from the command to its first step, {options.crops} crops: "
            f"{statistics.median(starts):.1f} s (median of 3, {min(starts):.1f} to "
            f"{max(starts):.1f})"
        )
        for setting in SETTINGS:
            stalls(paths, setting, seconds=options.seconds, threads=options.threads, device=device)


if __name__ == "__main__":
    main()
