"""`seeds`: what training seeds do to the metrics, and whether a setting is better by more."""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.common import progress
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.workspace import experiments

if TYPE_CHECKING:
    from pipeline.report.seeds import Spread


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="runs of one setting with different seeds: folders, or names of experiments, branches "
        "or commits",
    )
    parser.add_argument(
        "--against", nargs="+", metavar="RUN", default=[], help="runs of another setting"
    )
    parser.add_argument(
        "--resample",
        type=int,
        default=0,
        metavar="N",
        help="also draw and score N further sets of samples of each run that is a folder, to tell "
        "the noise of the latents from that of training",
    )


def run(options: argparse.Namespace) -> None:
    """Print mean, standard deviation and range of each metric; with `--against` also whether the
    first setting is better.

    Raises:
        InputError: a run is not there or was not scored, or the runs' scores are of different
            networks or against different images, or a set of samples cannot be drawn.
    """
    from pipeline.report import seeds
    from pipeline.report.words import number

    progress.heading(
        "seeds", f"{len(options.runs)} runs" + (" against another setting" * bool(options.against))
    )
    if options.resample < 0:
        raise InputError(f"--resample {options.resample}: must not be negative")
    first, second = (
        [_metrics(name, options.root) for name in dict.fromkeys(names)]
        for names in (options.runs, options.against)
    )
    _require_comparable([*options.runs, *options.against], [*first, *second])
    noise = _resampled(options.runs, options.resample) if options.resample else {}
    ours, theirs = (seeds.numbers(side) if side else {} for side in (first, second))
    for name, values in ours.items():
        if len({*values, *theirs.get(name, [])}) == 1 and not noise.get(name):
            continue  # a constant of the score: nothing to say of it
        line = f"{name}: {_in_words(seeds.spread(values))}"
        if name in noise:
            line += f", ± {number(noise[name])} by other latents of the same generator"
        if name in theirs:
            line += f"; against {_in_words(seeds.spread(theirs[name]))}"
            line += f": {seeds.judged(name, seeds.compare(theirs[name], values))}"
        progress.say(line)
    smallest = seeds.smallest_p(len(first), len(second))
    if second and smallest > seeds.SIGNIFICANCE:
        progress.say(
            f"with {len(first)} and {len(second)} runs p is never below {smallest:.2g}: nothing "
            f"can be told at p = {seeds.SIGNIFICANCE}"
        )


def _resampled(names: list[str], count: int) -> dict[str, float]:
    """Return of each metric the standard deviation over sets of samples of one generator, as the
    root of the mean variance over the runs.

    Raises:
        InputError: a run is no folder with a generator and what the score needs.
    """
    from pipeline.report import seeds

    variances: dict[str, list[float]] = {}
    for name in dict.fromkeys(names):
        sets = [_metrics_of_other_samples(Path(name), number + 1) for number in range(count)]
        sets.append(_read(name, Paths(Path(name)).metrics))
        for metric, values in seeds.numbers(sets).items():
            variances.setdefault(metric, []).append(statistics.variance(values))
    return {name: statistics.fmean(values) ** 0.5 for name, values in variances.items()}


def _metrics_of_other_samples(folder: Path, number: int) -> dict[str, Any]:
    """Return the metrics of the run's generator from latents of another seed."""
    from pipeline.config import params
    from pipeline.stages import generate, package, score

    settings = params.load(folder / "params.yaml")
    seed = settings.generate.seed + number
    with tempfile.TemporaryDirectory() as scratch:
        paths = Paths(Path(scratch))
        (paths.root / "data").symlink_to((folder / "data").resolve())
        paths.generator.parent.mkdir()
        paths.generator.symlink_to(Paths(folder).generator.resolve())
        drawn = settings.generate.model_copy(update={"seed": seed})
        generate.run(paths, device=settings.device, generate=drawn)
        package.run(paths, competition=settings.competition)
        score.run(
            paths,
            device=settings.device,
            competition=settings.competition,
            reference=settings.reference,
            score=settings.score,
        )
        return _read(str(folder), paths.metrics)


def _metrics(name: str, root: Path) -> dict[str, Any]:
    """Return the metrics of a run.

    Raises:
        InputError: there are none.
    """
    if Path(name).is_dir():
        return _read(name, Paths(Path(name)).metrics)
    with tempfile.TemporaryDirectory() as folder:
        experiments.fetch(name, root, Path(folder), ("outputs/metrics.json",))
        return _read(name, Paths(Path(folder)).metrics)


def _read(name: str, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: no metrics of a run ({path.name}: {error})") from None
    if not isinstance(content, dict) or not content:
        raise InputError(f"{name}: {path.name} holds no metrics")
    return content


def _require_comparable(names: list[str], metrics: list[dict[str, Any]]) -> None:
    from pipeline.report.metrics import MEASURE

    for name, found in zip(names[1:], metrics[1:], strict=False):
        for key in MEASURE:
            if found.get(key) != metrics[0].get(key):
                raise InputError(
                    f"{name}: its {key} is {found.get(key)}, that of {names[0]} is "
                    f"{metrics[0].get(key)}: such scores cannot be compared"
                )


def _in_words(found: "Spread") -> str:
    from pipeline.report.words import number

    if found.count == 1:
        return number(found.mean)
    return (
        f"{number(found.mean)} ± {number(found.deviation)} ({number(found.low)} to "
        f"{number(found.high)}, {found.count} seeds)"
    )
