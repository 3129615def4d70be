"""The command line: `python -m pipeline STAGE`, one stage; `python -m pipeline all`, the chain."""

import argparse
import importlib
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

try:
    from pipeline.common import files
    from pipeline.common.errors import PipelineError
    from pipeline.common.paths import Paths
    from pipeline.config import params
except ModuleNotFoundError as missing:
    sys.exit(
        f"error: {sys.executable} has no package {missing.name!r}; run `make run` once, "
        "then `source .venv/bin/activate` before any dvc or python command"
    )

# Each stage has a file in pipeline/stages/ (dashes are underscores there), imported when it runs.
# CHAIN is in the order of the data's flow; `all` runs it, as `dvc repro` would.
CHAIN = {
    "download": "fetch or draw the pictures into data/raw",
    "crop": "cut each annotated box into a square: data/crops.npy, data/index.csv",
    "reference": "features of the real pictures: data/reference.npz",
    "train": "train the GAN: outputs/generator.pt, history.csv, grids",
    "generate": "draw the submission's images: outputs/generated.npy",
    "package": "pack and check outputs/images.zip",
    "score": "MiFID of outputs/images.zip: outputs/metrics.json",
    "report": "one page that tells the run: outputs/report.html",
}
# What leaves the house has a pipeline file of its own, kernels/dvc.yaml: no chain runs it.
KERNELS = {
    "bundle": "write kernels/dcgan, the chain as one kernel for Kaggle",
    "submit-file": "check outputs/images.zip and, if submit.mode is file, submit it",
    "submit-kernel": "check kernels/dcgan and, if submit.mode is kernel, push, run and submit it",
}
STAGES = CHAIN | KERNELS
# Commands that are no stages, a file each in pipeline/commands/.
TOOLS = {
    "sample": "a grid of pictures from the trained generator",
    "interpolate": "an animation and a grid between latents of the trained generator",
    "compare": "runs side by side in one page",
    "submit": "check, then submit what submit.mode names: dry-run, file or kernel",
    "summary": "where the zip, the score and the pictures are",
    "plots-page": "let `dvc plots` work offline (`make` does it)",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns 0, 1 after one line on stderr, or 130 if interrupted."""
    try:
        options = _parser().parse_args(arguments)
        options.run(options)
    except PipelineError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.strerror is None:
            raise
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    return 0


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


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
    for name, what in TOOLS.items():
        tool = commands.add_parser(name, help=what, description=what)
        module = importlib.import_module(f"pipeline.commands.{name.replace('-', '_')}")
        module.add_arguments(tool)
        tool.set_defaults(run=module.run)
    chain = commands.add_parser("all", help="every stage in order, without DVC")
    chain.set_defaults(run=_run_stage, stages=tuple(CHAIN))
    return parser


def _module(stage: str) -> ModuleType:
    return importlib.import_module(f"pipeline.stages.{stage.replace('-', '_')}")


def _run_stage(options: argparse.Namespace) -> None:
    settings = _settings(options)
    paths = Paths(options.root.resolve())
    for name in options.stages:
        module = _module(name)
        start = time.perf_counter()
        module.run(paths, **{section: getattr(settings, section) for section in module.SECTIONS})
        _log(paths, name, time.perf_counter() - start)


def _score(options: argparse.Namespace) -> None:
    if options.images is None:
        return _run_stage(options)
    settings = _settings(options)
    module = _module("score")
    sections = {section: getattr(settings, section) for section in module.SECTIONS}
    module.score_images(Paths(options.root.resolve()), options.images, **sections)
    return None


def _settings(options: argparse.Namespace) -> params.Params:
    return params.load(options.params or options.root / "params.yaml")


def _log(paths: Paths, stage: str, seconds: float) -> None:
    """Note how long the stage took, for the report; no DVC out, since it differs each time."""
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
