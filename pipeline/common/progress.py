"""What a stage says while it works: one style of heading, line and bar for all of them."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

from pipeline.common import process
from pipeline.common.errors import PipelineError

T = TypeVar("T")

# tqdm would start a thread that corrects its guess of how many updates may go unshown; with
# `miniters=1` it guesses nothing.
tqdm.monitor_interval = 0


def say(line: str) -> None:
    """Print one line above any bar. Goes to stdout at once, also where that is a file."""
    try:
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` say, has seen enough; the work goes on
        process.silence_stdout()
    except OSError as error:
        process.silence_stdout()
        raise PipelineError(
            f"the standard output cannot be written: {error.strerror}; run again"
        ) from error


def heading(stage: str, what: str) -> None:
    """Print the stage's first line: its name, what goes in and what comes out."""
    say(f"== {stage}: {what}")


def bar(
    iterable: Iterable[T] | None = None,
    *,
    label: str,
    total: int | None = None,
    unit: str = "image",
    initial: int = 0,
    is_bytes: bool = False,
) -> tqdm:
    """Return a progress bar on stderr with rate and time left; none where that is no terminal."""
    return tqdm(
        iterable,
        desc=label,
        total=total,
        initial=initial,
        unit="B" if is_bytes else f" {unit}",
        unit_scale=is_bytes,
        unit_divisor=1024 if is_bytes else 1000,
        dynamic_ncols=True,
        miniters=1,
        disable=None,  # None: off where the stream is no terminal
        leave=False,
    )


def live() -> tqdm:
    """Return a line on stderr that is rewritten by `set_description_str`; none where that is no
    terminal."""
    return tqdm(bar_format="{desc}", dynamic_ncols=True, disable=None, leave=False)


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Yield a function that gives the seconds since the block was entered."""
    start = time.perf_counter()
    yield lambda: time.perf_counter() - start
