"""Checkpoints that outlive a stage: one folder a fingerprint, the two newest files in it.

DVC deletes a stage's outs before it runs, so checkpoints lie outside of them. A file appears whole
or not at all; should the newest still be damaged (a failing disk), the one before it is read.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.common import files, progress, torch_file
from pipeline.common.errors import PipelineError
from pipeline.training.fingerprint import differences, digest

KEEP_FILES = 2
KEEP_RUNS = 4  # folders, the current one included; parameters changed back by hand find theirs
_NOTE = "fingerprint.json"


class CheckpointFolder:
    """The checkpoints of one fingerprint, below `home` (paths.checkpoints).

    Attributes:
        shaping: what the fingerprint is the hash of (`fingerprint.parts`).
        fingerprint: name of the folder.
        home, folder: of all runs, and of this one.
    """

    def __init__(self, home: Path, shaping: dict[str, Any]) -> None:
        self.shaping = shaping
        self.fingerprint = digest(shaping)
        self.home = home
        self.folder = home / self.fingerprint

    @contextmanager
    def opened(self, *, fresh: bool) -> Iterator[None]:
        """Hold the folder in this process alone; remove what another start of it left if `fresh`.

        Says in what a new run differs from the last one, and removes the folders of old runs.
        """
        with files.locked(self.home / f"{self.fingerprint}.lock", on_wait=self._say_waiting):
            if fresh and self.folder.exists():
                progress.say("train.fresh: this run's own checkpoint is removed")
                shutil.rmtree(self.folder)
            self._compare()
            self.folder.mkdir(parents=True, exist_ok=True)
            files.write_json(self.folder / _NOTE, self.shaping)
            self._prune()
            yield

    def save(self, state: dict[str, Any], images_seen: int) -> None:
        """Write a checkpoint, then remove the older ones.

        Raises:
            DiskFull: there is no room; the last checkpoint stays.
        """
        before = "the one before it is kept" if self._newest_first() else "there is none before it"
        try:
            with files.atomic(self.folder / f"{images_seen:012d}.pt") as temporary:
                torch_file.save(temporary, {**state, "fingerprint": self.fingerprint})
        except (files.DiskFull, OSError) as error:
            cause = error.__cause__ or error
            raise files.DiskFull(
                f"{self.folder}: the checkpoint at {images_seen} images could not be written "
                f"({getattr(cause, 'strerror', None) or cause}); {before}. Make room and run again"
            ) from error
        for old in self._newest_first()[KEEP_FILES:]:
            old.unlink()

    def load(self) -> dict[str, Any] | None:
        """Return the newest checkpoint that can be read, on the CPU; None where there is none.

        Raises:
            PipelineError: a checkpoint of another fingerprint lies in this folder.
        """
        for path in self._newest_first():
            try:
                state = torch_file.load(path)
                owner = state["fingerprint"]
            except (torch_file.DamagedFile, LookupError, TypeError) as error:
                _discard(path, error)
            else:
                if owner != self.fingerprint:
                    raise PipelineError(
                        f"{path}: belongs to the run {owner}, not to {self.fingerprint}; "
                        f"move it to a folder of that name, or remove it"
                    )
                return state
        return None

    def _say_waiting(self) -> None:
        progress.say(f"{self.folder}: another training of this run is at work; waiting for it")

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("*.pt"), reverse=True)

    def _compare(self) -> None:
        """Where this run is new, say how it differs from the last one."""
        others = self._runs()
        if self.folder.exists() or not others:
            return
        try:
            last = json.loads((others[0] / _NOTE).read_text())
        except (OSError, ValueError):
            return  # only words are lost
        progress.say(f"a fresh start; the last run differs in {differences(last, self.shaping)}")

    def _prune(self) -> None:
        for folder in [run for run in self._runs() if run != self.folder][KEEP_RUNS - 1 :]:
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_suffix(".lock").unlink(missing_ok=True)

    def _runs(self) -> list[Path]:
        """Return the folders of all runs, last used first."""
        if not self.home.is_dir():
            return []
        notes = [run / _NOTE for run in self.home.iterdir() if (run / _NOTE).is_file()]
        notes.sort(key=lambda note: note.stat().st_mtime, reverse=True)
        return [note.parent for note in notes]


def _discard(path: Path, error: Exception) -> None:
    progress.say(f"{path.name}: cut short or damaged ({error}); trying the one before it")
    path.unlink()
