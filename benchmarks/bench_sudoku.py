"""The Sudoku: boards a second, certificates checked by a second classifier, requests a second:
`python -m benchmarks.bench_sudoku boards | certificate | load`.

`certificate` and `load` take the digits of the run here, or make them, as `python -m pipeline
sudoku` does. `certificate` certifies 2,000 digits, has them read by a classifier that is trained on
the same data from another seed, and counts on how many the two disagree. `load` asks the server, a
process of its own, at a steady rate over kept connections: three puzzles of 40 (ten of each level),
one check, one set of digits, one page in turn.
"""

import argparse
import http.client
import io
import json
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.common.paths import Paths
from pipeline.sudoku.boards import puzzle
from pipeline.sudoku.boards.puzzle import LEVELS

PARAMS = Path("params.yaml")


def boards(count: int) -> None:
    for level in LEVELS:
        start = time.perf_counter()
        effort = statistics.median(puzzle.make(level, seed).grade.effort for seed in range(count))
        seconds = time.perf_counter() - start
        print(f"{level:<7} {count} boards in {seconds:6.2f} s, {count / seconds:7.1f} a second, "
              f"median effort {effort:g}")  # fmt: skip


def certificate(count: int) -> None:
    import torch

    from pipeline.data.dataset import Dataset
    from pipeline.images import arrays
    from pipeline.models.saved import SavedGenerator
    from pipeline.scoring.classifier import saved, training
    from pipeline.sudoku import preparation
    from pipeline.sudoku.digits import pool

    paths = Paths(Path().resolve())
    run, classifier, _ = preparation.networks(paths, PARAMS)
    cpu = torch.device("cpu")
    made = pool.make(SavedGenerator.load(run.generator, cpu), classifier, each=count // 10)
    dataset = Dataset.load(run.crops, run.index)
    recipe = classifier.info.recipe
    other = saved.ImageClassifier(
        training.train(
            dataset.images,
            dataset.labels,
            classes=10,
            recipe=training.Recipe(recipe.seed + 1, recipe.images, recipe.batch_size, recipe.lr),
            device=cpu,
        ),
        classifier.input_shape,
        cpu,
    )
    pictures = [each for of_digit in made.pictures for each in of_digit]
    images = np.stack(
        [arrays.from_pillow(Image.open(io.BytesIO(picture.png))) for picture in pictures]
    )
    wrong = other.predict(images) != np.array([picture.digit for picture in pictures])
    print(f"accepted {made.accepted_share:.1%} of {sum(made.tried):,} samples")
    print("by digit:", ", ".join(
        f"{digit} {len(found) / tried:.0%}"
        for digit, (found, tried) in enumerate(zip(made.pictures, made.tried, strict=True))
    ))  # fmt: skip
    print(f"another classifier disagrees on {wrong.sum()} of {len(wrong):,}, {wrong.mean():.2%}")


class _Client(threading.Thread):
    """Asks at its share of the rate until the time is over; `seconds` holds how long each took."""

    def __init__(self, port: int, number: int, clients: int, rate: float, until: float) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.errors: list[str] = []
        self._port, self._number, self._clients = port, number, clients
        self._rate, self._until = rate, until

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        board = puzzle.make("easy", 1)
        body = json.dumps({"level": "easy", "seed": 1, "cells": board.clues})
        start = time.monotonic()
        turn = self._number
        while time.monotonic() < self._until:
            level, seed = LEVELS[turn % 4], turn % 10
            method, address, content = (
                ("GET", f"/api/puzzle?level={level}&seed={seed}", None),
                ("GET", f"/api/puzzle?level={level}&seed={seed + 1}", None),
                ("GET", f"/api/puzzle?level={level}&seed={seed + 2}", None),
                ("POST", "/api/check", body),
                ("GET", f"/api/digits?label={seed}&count=9", None),
                ("GET", "/", None),
            )[turn % 6]
            asked = time.monotonic()
            try:
                connection.request(method, address, content)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.errors.append(f"{answer.status} {address}")
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(f"{type(error).__name__} {address}")
                connection.close()
            self.seconds.append(time.monotonic() - asked)
            turn += self._clients
            due = start + len(self.seconds) * self._clients / self._rate
            time.sleep(max(0.0, due - time.monotonic()))
        connection.close()


def load(rate: float, seconds: float, clients: int) -> None:
    command = [sys.executable, "-m", "pipeline", "sudoku", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in server.stdout:
            if line.startswith("play at "):
                break
        else:
            sys.exit("the server did not start")
        port = int(line.split(":")[2].partition("/")[0])
        ask = http.client.HTTPConnection("127.0.0.1", port)
        for level in LEVELS:  # boards are made once
            for seed in range(13):
                ask.request("GET", f"/api/puzzle?level={level}&seed={seed}")
                ask.getresponse().read()
        ask.close()
        before = _memory_mb(server.pid)
        start = time.monotonic()
        threads = [
            _Client(port, number, clients, rate, start + seconds) for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - start
        times = sorted(each for thread in threads for each in thread.seconds)
        errors = [each for thread in threads for each in thread.errors]
        after = _memory_mb(server.pid)
        print(f"{len(times):,} requests in {took:.1f} s, {len(times) / took:.0f} a second, "
              f"{len(errors)} errors {errors[:3]}")  # fmt: skip
        print(f"median {1e3 * statistics.median(times):.1f} ms, "
              f"99 % below {1e3 * times[int(0.99 * len(times))]:.1f} ms; "
              f"memory {before:.0f} -> {after:.0f} MB")  # fmt: skip
    finally:
        server.terminate()
        server.wait()


def _memory_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("boards", "certificate", "load"))
    parser.add_argument("--boards", type=int, default=100, help="of each level")
    parser.add_argument("--digits", type=int, default=2000, help="to certify")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    if options.what == "boards":
        boards(options.boards)
    elif options.what == "certificate":
        certificate(options.digits)
    else:
        load(options.rate, options.seconds, options.clients)


if __name__ == "__main__":
    main()
