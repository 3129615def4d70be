"""The command line: `python -m pipeline STAGE` runs a stage, `python -m pipeline all` the chain."""

# Light modules alone: all others are imported below `main`, which answers Ctrl-C in one line.
import argparse
import importlib
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.common import cores, process
from pipeline.common.errors import PipelineError

if TYPE_CHECKING:
    from types import ModuleType

    from pipeline.common.paths import Paths
    from pipeline.config import params

# Each stage has a file in pipeline/stages/ (dashes are underscores there), imported when it runs.
# CHAIN is in the order of the data's flow; `all` runs it, as `dvc repro` would.
CHAIN = {
    "download": "fetch or draw the photos into data/raw",
    "crop": "cut each annotated box into a square: data/crops.npy, data/index.csv",
    "classify": "train a classifier of labelled data, if asked: data/classifier.pt",
    "reference": "features of the real images: data/reference.npz",
    "train": "train the model: outputs/generator.pt, curves.csv, grids",
    "generate": "draw the submission's images: outputs/generated.npy",
    "package": "pack and check outputs/images.zip",
    "score": "MiFID of outputs/images.zip: outputs/metrics.json",
    "report": "write a page about the run: outputs/report.html",
}
# A pipeline file of its own, kernels/dvc.yaml, since it needs no data and no training here.
KERNELS = {"bundle": "write kernels/dcgan, the chain as one kernel for Kaggle"}
# What may send something is in no pipeline file, so that no `dvc repro` runs it: `submit` does.
SUBMISSIONS = {
    "submit-file": "check outputs/images.zip and, if submit.mode is file, submit it",
    "submit-kernel": "check kernels/dcgan and, if submit.mode is kernel, push, run and submit it",
}
STAGES = CHAIN | KERNELS | SUBMISSIONS
# Commands that are no stages: a file each in pipeline/commands/, with `add_arguments` and `run`.
COMMANDS = {
    "repro": "run what changed: `dvc repro`, once what a kill left of its files is mended",
    "verify": "look for damage in outs, cache, checkpoints and weights, and say how to mend it",
    "use": "write a preset of presets/ into params.yaml; without a name: list the presets",
    "sample": "write a grid of samples of the trained generator",
    "interpolate": "write an animation and a grid between latents of the trained generator",
    "demo": "write samples and a walk of a generator that comes with the project, and their page",
    "compare": "write a page with runs side by side",
    "seeds": "print what training seeds do to the metrics, and whether a setting is better",
    "submit": "check, then submit what submit.mode names: dry-run, file or kernel",
    "summary": "print the score and where the zip and the images are",
    "sudoku": "serve a Sudoku of generated digits, or write one as a page of its own",
    "write": "draw a date or a number in generated digits",
    "plots-page": "let `dvc plots` work offline (`make` does it)",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Return 0, 1 after one line on stderr, or 130 if interrupted."""
    try:
        process.die_with_parent()
        cores.prepare()
        process.mend_streams()
        options = _parser().parse_args(arguments)
        options.run(options)
    except KeyboardInterrupt:
        _complain("interrupted")
        return 128 + signal.SIGINT
    except Exception as error:
        if (line := _in_one_line(error)) is None:
            raise
        _complain(f"error: {line}")
        return 1
    return 0


def _in_one_line(error: Exception) -> str | None:
    """Return what a user can act on; None for a defect of ours, which keeps its traceback."""
    if isinstance(error, PipelineError):
        return str(error)
    if line := process.refusal(error):
        return line
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("pipeline"):
        return (
            f"{sys.executable} has no package {error.name!r}; run `make run` once, "
            f"then `source .venv/bin/activate` before any dvc or python command"
        )
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return None


def _complain(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        return  # nobody listens; the exit code tells


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    parser.add_argument(
        "--root", type=Path, default=Path(), help="folder of data/ and outputs/ (default: here)"
    )
    parser.add_argument(
        "--params", type=Path, help="parameters as .yaml or .json (default: ROOT/params.yaml)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, what in STAGES.items():
        stage = commands.add_parser(name, help=what)
        stage.set_defaults(run=_run_stage, stages=(name,))
        if name == "score":
            stage.add_argument(
                "--images",
                type=Path,
                metavar="PATH",
                help="print the score of this zip or folder of PNGs as JSON instead",
            )
            stage.set_defaults(run=_score)
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what)
        module = _module("commands", name)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    chain = commands.add_parser("all", help="every stage in order, without DVC")
    chain.set_defaults(run=_run_stage, stages=tuple(CHAIN))
    return parser


def _module(folder: str, name: str) -> "ModuleType":
    """Return the module of a stage or a command: `plots-page` is commands/plots_page.py."""
    return importlib.import_module(f"pipeline.{folder}.{name.replace('-', '_')}")


def _run_stage(options: argparse.Namespace) -> None:
    from pipeline.common.paths import Paths

    settings = _settings(options)
    paths = Paths(options.root.resolve())
    for name in options.stages:
        _remove_abandoned(paths)
        module = _module("stages", name)
        start = time.perf_counter()
        module.run(paths, **_sections(settings, module))
        _log(paths, name, time.perf_counter() - start)


def _remove_abandoned(paths: "Paths") -> None:
    """Remove what killed runs left half written."""
    from pipeline.common import files, progress

    folders = (paths.root / "data", paths.root / "outputs", paths.root / "kernels", paths.keep)
    count, freed_bytes = files.remove_abandoned(folders)
    if count:
        progress.say(f"removed {count} temporary files of killed runs, {freed_bytes / 1e6:.1f} MB")


def _score(options: argparse.Namespace) -> None:
    if options.images is None:
        _run_stage(options)
    else:
        from pipeline.common.paths import Paths

        module = _module("stages", "score")
        sections = _sections(_settings(options), module)
        module.score_images(Paths(options.root.resolve()), options.images, **sections)


def _settings(options: argparse.Namespace) -> "params.Params":
    from pipeline.config import params

    return params.load(options.params or options.root / "params.yaml")


def _sections(settings: "params.Params", stage: "ModuleType") -> dict[str, Any]:
    """Return the sections of params.yaml that a stage reads, as its keyword arguments."""
    return {name: getattr(settings, name) for name in stage.SECTIONS}


def _log(paths: "Paths", stage: str, seconds: float) -> None:
    """Write how long the stage took, for the report; no DVC out, since it differs each time."""
    from pipeline.common import files

    files.write_json(
        paths.stage_log / f"{stage}.json",
        {
            "stage": stage,
            "seconds": round(seconds, 3),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": sys.version.split()[0],
        },
    )


if __name__ == "__main__":
    sys.exit(main())
elif __name__ == "__mp_main__":
    # A process that training starts, at its first moment: Ctrl-C, which reaches all of them, ends
    # it without a word, since the first process answers. Training listens later on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
