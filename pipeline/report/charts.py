"""Draw the plots of one run's page: its score on a scale, its curves, its data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.report import facts, plots, words
from pipeline.report.run import Run

if TYPE_CHECKING:
    from markupsafe import Markup

SHOWN_CLASSES = 20


@dataclass(frozen=True)
class Charts:
    """The SVG of each plot, empty where the run has nothing to plot.

    Attributes:
        own_scale, kaggle_scale: the run's score; scores of the competition.
        panels: one for each panel of the training curves, in their order.
        classes, sides, aspects: crops by class; the boxes' shorter sides and shapes.
        class_shares: the classes' shares of the data and of the samples.
    """

    own_scale: "Markup"
    kaggle_scale: "Markup"
    panels: "list[Markup]"
    classes: "Markup"
    class_shares: "Markup"
    sides: "Markup"
    aspects: "Markup"


def of_run(run: Run, parameters: Mapping[str, Any]) -> Charts:
    """Draw the plots of one run.

    Args:
        parameters: params.yaml's content; `crop` gives the limits drawn into the histograms.
    """
    from markupsafe import Markup

    drawn: dict[str, str | None] = {}
    if run.metrics:
        drawn |= _scales(run.metrics)
    if run.index is not None:
        drawn |= _data_plots(run.index, parameters.get("crop", {}))
    if run.index is not None and run.metrics:
        drawn["class_shares"] = _class_shares(run.index, run.metrics)
    names = ("own_scale", "kaggle_scale", "classes", "class_shares", "sides", "aspects")
    panels = [
        Markup(plots.panel(f"panel{number}", shown))
        for number, shown in enumerate(run.curves or ())
    ]
    return Charts(panels=panels, **{name: Markup(drawn.get(name) or "") for name in names})


def _scales(metrics: Mapping[str, Any]) -> dict[str, str | None]:
    competition = words.competition(metrics)
    board = competition.leaderboard if competition else None
    mifid, unseen = metrics.get("mifid"), metrics.get("floor_fid")
    # The axis is logarithmic: a score of 0 (samples equal to the reference) has no place on it.
    own = [("this run", mifid)] if mifid and mifid > 0 else []
    beside = [("unseen real images", unseen)] if unseen and unseen > 0 else []
    official = words.is_official(metrics)
    return {
        # A proxy's number beside Kaggle's would be read as a rank: it gets an axis of its own.
        "own_scale": None if official or not own else plots.scale(
            "own_scale", own + beside, highlight="this run",
            title="This run and unseen real images (proxy)",
            x_label="MiFID of the proxy (unseen real images: FID)",
        ),
        "kaggle_scale": None if board is None else plots.scale(
            "kaggle_scale", [*board.marks, *(own + beside if official else [])],
            band=board.band, highlight="this run", title=board.title,
            x_label="MiFID, as the organisers compute it",
        ),
    }  # fmt: skip


def _data_plots(index: pd.DataFrame, crop: Mapping[str, Any]) -> dict[str, str | None]:
    counts = facts.data_facts(index).crops_by_class
    largest = dict(list(counts.items())[:SHOWN_CLASSES])
    if rest := len(counts) - len(largest):
        title = f"Crops of the {len(largest)} largest classes, of {len(largest) + rest}"
    else:
        title = "Crops by class"
    sides, aspects = facts.box_sides(index)
    limits = [float(crop[key]) for key in ("aspect_min", "aspect_max") if key in crop]
    smallest = [float(crop["min_side_px"])] if "min_side_px" in crop else []
    return {
        "classes": plots.bars("classes", largest, title=title, x_label="crops") if counts else None,
        "sides": plots.histogram("sides", sides, title="Shorter side of the boxes",
                                 x_label="pixels (dashed: the least that is kept)",
                                 limits=smallest),
        "aspects": plots.histogram("aspects", aspects, title="Shape of the boxes",
                                   x_label="width / height (dashed: the limits)", limits=limits),
    }  # fmt: skip


def _class_shares(index: pd.DataFrame, metrics: Mapping[str, Any]) -> str | None:
    """Return a plot of the classes' shares, None where no classifier told those of the samples."""
    counts = facts.data_facts(index).crops_by_class
    found = facts.class_shares(metrics)
    total = sum(counts.values())
    names = [name for name in counts if name in found]
    if not names:
        return None
    title = "Classes of data and samples"
    if len(names) > SHOWN_CLASSES:
        title = f"The {SHOWN_CLASSES} largest classes of {len(names)}, data and samples"
    shown = {name: (counts[name] / total, found[name]) for name in sorted(names[:SHOWN_CLASSES])}
    return plots.paired_bars(
        "class_shares",
        shown,
        series=("data", "samples"),
        title=title,
        x_label="share (the samples' classes: by the classifier)",
    )
