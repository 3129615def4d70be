"""The plots of one run's page: its score on a scale, its curves, its data."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.report import facts, plots, words
from pipeline.report.run import Run

if TYPE_CHECKING:
    from markupsafe import Markup

SHOWN_BREEDS = 20


def of_run(run: Run, parameters: Mapping[str, Any]) -> "dict[str, Markup | str]":
    """Each plot's SVG by name, an empty text where the run has nothing to plot.

    Args:
        parameters: params.yaml's content; `crop` gives the limits drawn into the histograms.
    """
    from markupsafe import Markup

    drawn: dict[str, str | None] = {}
    if run.metrics:
        drawn |= _scales(run.metrics)
    if run.history is not None:
        drawn |= _curves(run.history)
    if run.index is not None:
        drawn |= _data_plots(run.index, parameters.get("crop", {}))
    names = (
        "own_scale", "kaggle_scale", "losses", "outputs", "mifid", "gradients",
        "breeds", "sides", "aspects",
    )  # fmt: skip
    return {name: Markup(drawn[name]) if drawn.get(name) else "" for name in names}


def _scales(metrics: Mapping[str, Any]) -> dict[str, str | None]:
    kaggle = [("best honest score", words.BEST_HONEST), ("the winner's", words.WINNER)]
    mifid, floor = metrics.get("mifid"), metrics.get("floor_fid")
    # The axis is logarithmic: a score of 0 (pictures equal to the reference) has no place on it.
    own = [("this run", mifid)] if mifid and mifid > 0 else []
    floors = [("floor: real pictures", floor)] if floor and floor > 0 else []
    official = words.is_official(metrics)
    return {
        # A proxy's number beside Kaggle's would be read as a rank: it gets an axis of its own.
        "own_scale": None if official or not own else plots.scale(
            "own_scale", own + floors, highlight="this run",
            title="This run and its floor (proxy)", x_label="MiFID of the proxy (floor: FID)",
        ),
        "kaggle_scale": plots.scale(
            "kaggle_scale", kaggle + (own + floors if official else []),
            band=("DCGAN notebooks", *words.DCGAN_NOTEBOOKS), highlight="this run",
            title="Kaggle's public scores, 2019", x_label="MiFID of the official network",
        ),
    }  # fmt: skip


def _curves(history: pd.DataFrame) -> dict[str, str | None]:
    return {
        "losses": plots.curves(
            "losses", history, {"loss_d": "D", "loss_g": "G"}, title="Losses", y_label="loss"
        ),
        "outputs": plots.curves(
            "outputs", history, {"d_real": "D(x)", "d_fake": "D(G(z))"},
            title="D(x) and D(G(z))", y_label="mean probability “real”",
            limits=(0, 1), level=(0.5, "undecided"),
        ),
        "mifid": plots.curves(
            "mifid", history, {"mifid": "MiFID"},
            title="MiFID while training", y_label="lower is better", log=True,
        ),
        "gradients": plots.curves(
            "gradients", history, {"grad_norm_d": "D", "grad_norm_g": "G"},
            title="Gradient norms", y_label="L2 norm", log=True,
        ),
    }  # fmt: skip


def _data_plots(index: pd.DataFrame, crop: Mapping[str, Any]) -> dict[str, str | None]:
    counts = facts.data_facts(index).crops_by_breed
    largest = dict(list(counts.items())[:SHOWN_BREEDS])
    if rest := len(counts) - len(largest):
        title = f"Crops of the {len(largest)} largest breeds, of {len(largest) + rest}"
    else:
        title = "Crops by breed"
    sides, aspects = facts.box_sides(index)
    limits = [float(crop[key]) for key in ("aspect_min", "aspect_max") if key in crop]
    smallest = [float(crop["min_side_px"])] if "min_side_px" in crop else []
    return {
        "breeds": plots.bars("breeds", largest, title=title, x_label="crops") if counts else None,
        "sides": plots.histogram("sides", sides, title="Shorter side of the boxes",
                                 x_label="pixels (dashed: the least that is kept)",
                                 limits=smallest),
        "aspects": plots.histogram("aspects", aspects, title="Shape of the boxes",
                                   x_label="width / height (dashed: the limits)", limits=limits),
    }  # fmt: skip
