"""What happens beside the steps: rows, scores, grids, warnings, progress. Nothing here changes the
weights; the main process does it alone, except for the rows, which all processes average."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pipeline.common import files, progress, randomness
from pipeline.common.errors import PipelineError
from pipeline.images import arrays
from pipeline.models.sampling import decode, draw_inputs
from pipeline.training.monitor.collapse import collapse
from pipeline.training.monitor.estimate import TimeEstimate
from pipeline.training.monitor.evaluation import (
    SAMPLES,
    STATISTICS_BATCH,
    Evaluation,
    Evaluator,
)
from pipeline.training.monitor.plateau import images_since_improvement

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Train
    from pipeline.data.dataset import Dataset
    from pipeline.training.engine.distributed import Distributed
    from pipeline.training.state import TrainingState

GRID_COLUMNS = 8  # a grid shows 8 x 8 samples
SETTLED_IMAGES = 20_000  # no warning before: until then samples are grey and D may well lead
_STATISTICS_IMAGES = 2048  # inputs that measure the average's batch-norm statistics
_GRID_STATISTICS_IMAGES = 256  # ... for a grid: they are off by a per cent, invisibly
_PRINT_SECONDS = 60.0  # where the output is no terminal
_SHOW_SECONDS = 1.0


class Collapsed(PipelineError):
    """The samples are all alike, or the objective says that it learns nothing any more, and
    train.stop_on_collapse is set."""


class Monitor:
    """Watches a run: `after_step` does what is due.

    Attributes:
        is_on_plateau: the score has not improved for `train.patience_images`, and that is to end
            the run (`train.stop_when`).
    """

    def __init__(
        self,
        state: TrainingState,
        dataset: Dataset,
        *,
        train: Train,
        latent_dim: int,
        class_counts: tuple[int, ...],
        device: torch.device,
        distributed: Distributed,
        paths: Paths,
        make_evaluator: Callable[[], Evaluator],
    ) -> None:
        """
        Args:
            class_counts: training images of each class; empty where the generator is told none.
            make_evaluator: makes what scores samples; called before the first score.
        """
        self._state = state
        self._train = train
        self._device = device
        self._is_main = distributed.is_main
        self._paths = paths
        draw = functools.partial(
            draw_inputs, train.seed, first=0, latent_dim=latent_dim, class_counts=class_counts
        )
        self._grid_inputs = draw(stream="grid", count=GRID_COLUMNS**2)
        self._statistics_inputs = draw(stream="norm", count=_STATISTICS_IMAGES)
        self._evaluation = Evaluation(
            state,
            make_evaluator,
            inputs=draw(stream="score", count=SAMPLES),
            statistics_inputs=self._statistics_inputs,
            device=device,
        )
        order = randomness.permutation(train.seed, "grid", 0, len(dataset))
        self._some_crops = dataset.images[order[: len(self._grid_inputs)]]
        self._bar: Any = None
        self._shown = self._printed = 0.0
        self._warned = False
        self.is_on_plateau = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Show the progress of the steps inside the block; the grids so far are written first."""
        state = self._state
        if not self._is_main:
            yield
            return
        self._rewrite_grids()
        self._look_for_plateau()
        self._shown = self._printed = time.monotonic()
        total = self._train.images
        self._images_before = state.images_seen
        self._estimate = TimeEstimate(total - state.images_seen, self._shown)
        with progress.bar(label="train", total=total, initial=min(state.images_seen, total)) as bar:
            self._bar = bar
            yield

    def after_step(self) -> None:
        """Do what is due after the step that led to `state.images_seen`.

        Raises:
            TrainingDiverged: a metric is not finite.
            Collapsed: see `train.stop_on_collapse`.
        """
        state, train = self._state, self._train
        if self._is_due(train.log_every_images):
            state.history.rows.append(state.log_row())
        if not self._is_main:
            return
        if self._is_due(train.score_every_images):
            self._evaluation.begin()  # it waits for the score before: what follows is repeatable
            self._look_for_plateau()
        if self._is_due(train.log_every_images):
            self._evaluation.settle(wait=False)
            state.history.write(self._paths.history, state.history.rows)
        if self._is_due(train.sample_every_images):
            samples = self._draw_grid()
            if state.images_seen >= SETTLED_IMAGES:
                self._warn(collapse(samples, self._some_crops))
                self._warn(state.objective.warning(state.history.rows))
        self._show()

    def rewind(self) -> None:
        """Follow the state back to an earlier checkpoint."""
        if self._is_main:
            self._evaluation.discard()
            self._rewrite_grids()
            self._bar.update(self._state.images_seen - self._bar.n)

    def settle(self) -> None:
        """Wait for the score that is under way, and enter it into the state."""
        self._evaluation.settle()

    def draw_last_grid(self) -> None:
        """Draw a grid where there is none of these weights yet. No checkpoint holds it: the run may
        go on."""
        if self._is_main and self._state.images_seen not in self._state.grids:
            self._draw_grid()

    def finished_generator(self) -> torch.nn.Module:
        """Return the average, its batch-norm statistics measured with all inputs."""
        return self._state.average.collect(self._statistics_inputs, STATISTICS_BATCH)

    def _is_due(self, every_images: int) -> bool:
        """Return whether the last step crossed a multiple of `every_images`."""
        seen = self._state.images_seen
        before = seen - self._train.batch_size
        return every_images > 0 and seen // every_images != before // every_images

    def _draw_grid(self) -> np.ndarray:
        """Write a grid of the average's samples from the fixed inputs; return the samples."""
        state = self._state
        statistics_inputs = self._statistics_inputs[:_GRID_STATISTICS_IMAGES]
        generator = state.average.collect(statistics_inputs, STATISTICS_BATCH)
        samples = decode(generator, self._grid_inputs, self._device)
        png = grid_png(samples)
        state.grids[state.images_seen] = torch.frombuffer(bytearray(png), dtype=torch.uint8)
        self._write_grid(state.images_seen)
        return samples

    def _look_for_plateau(self) -> None:
        if self._train.stop_when == "plateau":
            waited = images_since_improvement(self._state.history.rows)
            self.is_on_plateau = waited >= self._train.patience_images

    def _rewrite_grids(self) -> None:
        """Write the state's grids, and no others: those may be of another run, or of what this one
        took back."""
        for stale in self._paths.grids.glob("*.png"):
            stale.unlink()
        for images_seen in self._state.grids:
            self._write_grid(images_seen)

    def _write_grid(self, images_seen: int) -> None:
        path = self._paths.grids / f"{images_seen:09d}.png"
        files.write_bytes(path, self._state.grids[images_seen].numpy().tobytes())

    def _warn(self, problem: str | None) -> None:
        if problem is None:
            return
        seen = self._state.images_seen
        if self._train.stop_on_collapse:
            raise Collapsed(f"at {seen} images: {problem} (train.stop_on_collapse)")
        if not self._warned:
            progress.say(f"warning: at {seen} images: {problem}")
            self._warned = True

    def _show(self) -> None:
        """Move the bar; from time to time show the last row beside it, or print it where there is
        no bar."""
        state, bar = self._state, self._bar
        bar.update(self._train.batch_size)
        now = time.monotonic()
        if line := self._estimate.after(state.images_seen - self._images_before, now):
            progress.say(line)
        if not state.history.rows:
            return
        row = state.history.rows[-1]
        if now - self._shown > _SHOW_SECONDS:
            self._shown = now
            bar.set_postfix_str(state.history.in_words(row), refresh=False)
        if bar.disable and now - self._printed > _PRINT_SECONDS:
            self._printed = now
            left = (self._train.images - state.images_seen) / row["images_per_s"]
            progress.say(
                f"{state.images_seen}/{self._train.images} images, {state.history.in_words(row)}, "
                f"{left / 60:.0f} min left"
            )


def grid_png(samples: np.ndarray) -> bytes:
    """Return a PNG of samples side by side, uint8 (N, side, side, channels)."""
    return arrays.encode_png(arrays.grid(samples, GRID_COLUMNS, gap_px=0))
