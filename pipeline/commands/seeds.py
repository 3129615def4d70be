"""`seeds`: what training seeds do to the metrics, and whether a setting is better by more."""

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.common import progress
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.workspace import experiments

if TYPE_CHECKING:
    from pipeline.report.seeds import SettingComparison, Spread


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


def run(options: argparse.Namespace) -> None:
    """Print mean, standard deviation and range of each metric; with `--against` also whether the
    first setting is better.

    Raises:
        InputError: a run is not there or was not scored, or the runs' scores are of different
            networks or against different images.
    """
    from pipeline.report import seeds

    progress.heading(
        "seeds", f"{len(options.runs)} runs" + (" against another setting" * bool(options.against))
    )
    first, second = (
        [_metrics(name, options.root) for name in dict.fromkeys(names)]
        for names in (options.runs, options.against)
    )
    _require_comparable([*options.runs, *options.against], [*first, *second])
    ours, theirs = (seeds.numbers(side) if side else {} for side in (first, second))
    for name, values in ours.items():
        if len({*values, *theirs.get(name, [])}) == 1:
            continue  # a constant of the score: nothing to say of it
        line = f"{name}: {_in_words(seeds.spread(values))}"
        if name in theirs:
            line += f"; against {_in_words(seeds.spread(theirs[name]))}"
            line += f": {_judged(name, seeds.compare(theirs[name], values))}"
        progress.say(line)
    if min(len(side) for side in (first, second) if side) < seeds.FEWEST_SEEDS:
        progress.say(
            f"with fewer than {seeds.FEWEST_SEEDS} seeds a side no difference can be told at "
            f"p = {seeds.SIGNIFICANCE}"
        )


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
    from pipeline.report.compare import MEASURE

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


def _judged(name: str, verdict: "SettingComparison") -> str:
    """Return in words what a difference (first setting minus the other) means."""
    from pipeline.report.compare import HIGHER_IS_BETTER, LOWER_IS_BETTER

    p = f"p {verdict.p:.2g}"
    if not verdict.is_told:
        more = f"; about {verdict.seeds_needed} seeds a side would" if verdict.seeds_needed else ""
        return f"cannot tell ({p}{more})"
    is_lower = verdict.difference < 0
    if name in LOWER_IS_BETTER or name in HIGHER_IS_BETTER:
        return f"{'better' if is_lower == (name in LOWER_IS_BETTER) else 'worse'} ({p})"
    return f"{'lower' if is_lower else 'higher'} ({p})"
