"""Writes one run as a page: one file that loads nothing, for light and dark, wide and narrow."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.common import files
from pipeline.common.errors import PipelineError
from pipeline.report import charts, facts, provenance, words
from pipeline.report.pictures import Picture, embed_file, embed_grid, spread
from pipeline.report.run import Run

if TYPE_CHECKING:
    from jinja2 import Environment

GRID_COLUMNS = 8
SAMPLES = GRID_COLUMNS * 8
FRAMES = 16  # steps of the training slider
WALKS, WALK_STEPS = 6, 8
# Upper bounds that keep the whole page under 5 MB (base64 adds a third to each picture).
GRID_BYTES, FRAME_BYTES, PAIR_BYTES = 260_000, 110_000, 10_000
MOST_PAIRS = 64

SECTIONS = [
    ("samples", "Samples"),
    ("score", "Score"),
    ("training", "Training"),
    ("latents", "Latents"),
    ("nearest", "Nearest"),
    ("data", "Data"),
    ("parameters", "Parameters"),
    ("provenance", "Provenance"),
]


def environment() -> "Environment":
    """The templates beside this file (base.html.j2 and what extends it), escaping all text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent / "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def asset(name: str) -> Any:
    """A style sheet or script beside this file, as it is."""
    from markupsafe import Markup

    return Markup((Path(__file__).parent / "templates" / name).read_text(encoding="utf-8"))


def render(run: Run, parameters: Mapping[str, Any], *, show_real: bool) -> str:
    """The page as HTML.

    Args:
        run: what `read_run` found; what is missing is named in the page.
        parameters: params.yaml's content, sections as mappings.
        show_real: whether crops of the source's pictures may appear in the page.
    """
    metrics, frames = run.metrics or {}, _frames(run)
    interpolation, interpolation_absent = _interpolation(run)
    return environment().get_template("page.html.j2").render(
        title="Generative dog images: one run",
        subtitle=_subtitle(run, parameters),
        sections=SECTIONS,
        style=asset("style.css"),
        slider=asset("slider.js"),
        missing=run.missing,
        metrics=run.metrics,
        network=words.network(metrics),
        official=words.is_official(metrics),
        figures=facts.score_figures(metrics),
        verdict=words.verdict(run.metrics),
        plots=charts.of_run(run, parameters),
        samples=_samples(run),
        real=_real(run) if show_real else None,
        photos_hidden=not show_real,
        frames=frames,
        frames_of=len(run.grids),
        history=run.history is not None,
        training=facts.table_rows(run.training) if run.training else None,
        interpolation=interpolation,
        interpolation_absent=interpolation_absent,
        pairs=_pairs(run, show_real=show_real),
        data=facts.data_facts(run.index) if run.index is not None else None,
        parameters=facts.parameter_rows(parameters),
        commit=provenance.commit(run.paths.root),
        versions=list(provenance.versions().items()),
        times=facts.stage_times(run.stages),
        hashes=_hashes(run),
        all_metrics=facts.table_rows(metrics),
    )  # fmt: skip


def _subtitle(run: Run, parameters: Mapping[str, Any]) -> str:
    def parameter(section: str, key: str) -> str:
        return str(parameters.get(section, {}).get(key, "?"))

    seen = (
        f", {int(run.history['images_seen'].max()):,} images seen"
        if run.history is not None
        else ""
    )
    return (
        f"Pictures: {parameter('data', 'source')}. Model: {parameter('model', 'name')}, "
        f"{parameter('model', 'channels')} channels{seen}."
    )


def _samples(run: Run) -> Picture | None:
    if run.generated is not None:
        chosen = np.asarray(run.generated[:SAMPLES])
        caption = f"the first {len(chosen)} of {len(run.generated):,}, not picked by hand."
        return embed_grid(chosen, GRID_COLUMNS, max_bytes=GRID_BYTES,
                     alt=f"Grid of {len(chosen)} generated pictures", caption=caption)  # fmt: skip
    return embed_file(run.paths.samples, max_bytes=GRID_BYTES, alt="Grid of generated pictures",
                      caption="the grid that training left.")  # fmt: skip


def _real(run: Run) -> Picture | None:
    if run.crops is None:
        return None
    chosen = spread(run.crops, SAMPLES)
    return embed_grid(chosen, GRID_COLUMNS, max_bytes=GRID_BYTES,
                 alt=f"Grid of {len(chosen)} crops of the training pictures",
                 caption=f"{len(chosen)} of {len(run.crops):,} crops, evenly spaced.")  # fmt: skip


def _frames(run: Run) -> list[Picture]:
    """At most FRAMES of the grids, evenly spaced, the first and the last among them."""
    seen = list(run.grids)
    chosen = np.unique(np.linspace(0, len(seen) - 1, min(FRAMES, len(seen))).round().astype(int))
    scores = _scores(run)
    shown = []
    for images_seen in (seen[place] for place in chosen):
        caption = f"{images_seen:,} images seen"
        if images_seen in scores:
            caption += f", MiFID {words.number(scores[images_seen])}"
        alt = f"Grid of samples after {images_seen:,} training images"
        path = run.grids[images_seen]
        if picture := embed_file(path, max_bytes=FRAME_BYTES, alt=alt, caption=caption):
            shown.append(picture)
    return shown


def _scores(run: Run) -> dict[int, float]:
    """images_seen -> MiFID of the history's rows that hold one."""
    if run.history is None or "mifid" not in run.history:
        return {}
    scores = pd.to_numeric(run.history["mifid"], errors="coerce")
    scored = run.history[scores.notna()]
    return dict(zip(scored["images_seen"].astype(int), scores.dropna(), strict=True))


def _interpolation(run: Run) -> tuple[Picture | None, str]:
    if not run.has_generator:
        return None, "No generator: the stage “train” has not run."
    from pipeline.report import latents

    try:
        rows = latents.rows(run.paths.generator, walks=WALKS, steps=WALK_STEPS, seed=1)
    except PipelineError as error:
        return None, str(error)
    picture = embed_grid(
        rows,
        WALK_STEPS + 1,
        max_bytes=GRID_BYTES,
        alt=f"{WALKS} rows of pictures, each changing step by step from its first to its last",
        caption=f"{WALKS} walks of {WALK_STEPS} steps between latents of seed 1.",
    )
    return picture, ""


def _pairs(run: Run, *, show_real: bool) -> list[Picture]:
    """The generated pictures closest to the training set, the closest first, each beside its
    nearest crop where real pictures may be shown."""
    shown = []
    for pair in (run.neighbours or {}).get("pairs", [])[:MOST_PAIRS]:
        generated = _row(run.generated, pair.get("generated"))
        if generated is None:
            continue
        sides, alt = [generated], f"Generated picture {pair['generated']}"
        real = _row(run.crops, pair.get("crop")) if show_real else None
        if real is not None and real.shape == generated.shape:
            sides.append(real)
            alt += f" beside training crop {pair['crop']}"
        caption = f"d = {words.number(pair.get('distance'))}"
        shown.append(
            embed_grid(np.stack(sides), len(sides), max_bytes=PAIR_BYTES, alt=alt, caption=caption)
        )
    return shown


def _row(array: np.ndarray | None, row: Any) -> np.ndarray | None:
    inside = array is not None and isinstance(row, int) and 0 <= row < len(array)
    return np.asarray(array[row]) if inside else None


def _hashes(run: Run) -> list[tuple[str, str]]:
    """The zip's hash as packed, and those of the large files, as they lie here."""
    found = []
    if run.package and "sha256" in run.package:
        found.append((run.paths.images_zip, str(run.package["sha256"])))
    for path in (run.paths.generator, run.paths.crops, run.paths.index):
        if path.is_file():
            found.append((path, files.sha256(path)))
    return [(path.relative_to(run.paths.root).as_posix(), digest) for path, digest in found]
