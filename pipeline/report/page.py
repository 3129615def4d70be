"""Write one run as a page: one file that loads nothing, for light and dark, wide and narrow."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.common import files
from pipeline.common.errors import PipelineError
from pipeline.report import charts, curves, facts, provenance, words
from pipeline.report.pictures import EmbeddedImage, embed_file, embed_grid, spread
from pipeline.report.run import Run
from pipeline.training.monitor.plateau import stopping_point

if TYPE_CHECKING:
    from jinja2 import Environment

GRID_COLUMNS = 8
SAMPLES = GRID_COLUMNS * 8
FRAMES = 16  # steps of the training slider
WALKS, WALK_STEPS = 6, 8
PLANE = 16  # images on each side of the plane of latents
MOST_CLASSES = 20
RECONSTRUCTIONS = GRID_COLUMNS * 3
# Upper bounds that keep the whole page under 5 MB (base64 adds a third to each image).
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
    """Return the templates (base.html.j2 and what extends it), which escape all text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent / "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def asset(name: str) -> Any:
    """Return a style sheet or script of the templates, as it is."""
    from markupsafe import Markup

    return Markup((Path(__file__).parent / "templates" / name).read_text(encoding="utf-8"))


def render(run: Run, parameters: Mapping[str, Any], *, show_real: bool) -> str:
    """Return the page as HTML.

    Args:
        run: the files that `read_run` found; the page names those that are missing.
        parameters: params.yaml's content, sections as mappings.
        show_real: whether crops of the source's photos may appear in the page.
    """
    metrics, frames = run.metrics or {}, _frames(run)
    interpolation, interpolation_absent = _interpolation(run)
    return environment().get_template("page.html.j2").render(
        title="Report of one run",
        subtitle=_subtitle(run, parameters),
        sections=SECTIONS,
        style=asset("style.css"),
        slider=asset("slider.js"),
        missing=run.missing,
        metrics=run.metrics,
        network=words.network(metrics),
        public_scores=words.public_scores(metrics),
        numbers=facts.score_numbers(metrics),
        verdict=words.verdict(run.metrics),
        plots=charts.of_run(run, parameters),
        samples=_samples(run),
        real=_real(run) if show_real else None,
        photos_hidden=not show_real,
        frames=frames,
        frames_of=len(run.grids),
        scored_while_training=bool(curves.scores(run.curves or ())),
        training=facts.table_rows(run.training) if run.training else None,
        stopping_point=stopping_point(run.training or {}),
        interpolation=interpolation,
        plane=_plane(run) if interpolation else None,
        of_each_class=_of_each_class(run) if interpolation else None,
        reconstructions=_reconstructions(run) if interpolation and show_real else None,
        interpolation_absent=interpolation_absent,
        pairs=_pairs(run, show_real=show_real),
        data=facts.data_facts(run.index) if run.index is not None else None,
        parameters=facts.parameter_sections(parameters),
        commit=provenance.commit(run.paths.root),
        versions=list(provenance.versions().items()),
        times=facts.stage_times(run.stages),
        hashes=_hashes(run),
        all_metrics=facts.table_rows(metrics),
    )  # fmt: skip


def _subtitle(run: Run, parameters: Mapping[str, Any]) -> str:
    source = parameters.get("data", {}).get("source", "?")
    model = parameters.get("model", {}).get("name", "?")
    seen = f", {curves.images_seen(run.curves):,} images seen" if run.curves else ""
    return f"Data: {source}. Model: {model}{seen}."


def _samples(run: Run) -> EmbeddedImage | None:
    if run.generated is not None:
        chosen = np.asarray(run.generated[:SAMPLES])
        caption = f"the first {len(chosen)} of {len(run.generated):,}, not picked by hand."
        return embed_grid(chosen, GRID_COLUMNS, max_bytes=GRID_BYTES,
                     alt=f"Grid of {len(chosen)} generated images", caption=caption)  # fmt: skip
    return embed_file(run.paths.samples, max_bytes=GRID_BYTES, alt="Grid of generated images",
                      caption="the grid that training left.")  # fmt: skip


def _real(run: Run) -> EmbeddedImage | None:
    if run.crops is None:
        return None
    chosen = spread(run.crops, SAMPLES)
    return embed_grid(chosen, GRID_COLUMNS, max_bytes=GRID_BYTES,
                 alt=f"Grid of {len(chosen)} crops of the training set",
                 caption=f"{len(chosen)} of {len(run.crops):,} crops, evenly spaced.")  # fmt: skip


def _frames(run: Run) -> list[EmbeddedImage]:
    """Return at most FRAMES of the grids, evenly spaced, the first and the last among them, with
    the scores that training measured there."""
    seen = list(run.grids)
    chosen = np.unique(np.linspace(0, len(seen) - 1, min(FRAMES, len(seen))).round().astype(int))
    scores = curves.scores(run.curves or ())
    shown = []
    for images_seen in (seen[place] for place in chosen):
        caption = f"{images_seen:,} images seen"
        for label, value in scores.get(images_seen, ()):
            caption += f", {label} {words.number(value)}"
        alt = f"Grid of samples after {images_seen:,} training images"
        path = run.grids[images_seen]
        if picture := embed_file(path, max_bytes=FRAME_BYTES, alt=alt, caption=caption):
            shown.append(picture)
    return shown


def _interpolation(run: Run) -> tuple[EmbeddedImage | None, str]:
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
        alt=f"{WALKS} rows of samples, each changing step by step from its first to its last",
        caption=f"{WALKS} walks of {WALK_STEPS} steps between latents of seed 1.",
    )
    return picture, ""


def _plane(run: Run) -> EmbeddedImage | None:
    from pipeline.report import latents

    found = latents.plane(run.paths.generator, side=PLANE)
    if found is None:
        return None
    images, class_name = found
    of_class = "" if class_name is None else f"all of class {class_name}; "
    return embed_grid(
        images,
        PLANE,
        max_bytes=GRID_BYTES,
        alt=f"{PLANE} x {PLANE} samples that change from place to place",
        caption=f"{of_class}the latent's first number grows to the right, its second upwards, in "
        f"steps of equal probability.",
    )


def _of_each_class(run: Run) -> EmbeddedImage | None:
    from pipeline.report import latents

    found = latents.of_each_class(
        run.paths.generator, columns=GRID_COLUMNS, most=MOST_CLASSES, seed=1
    )
    if found is None:
        return None
    images, names = found
    return embed_grid(
        images,
        GRID_COLUMNS,
        max_bytes=GRID_BYTES,
        alt=f"{len(names)} rows of samples, a class each",
        caption=f"a row a class, a column a latent; from above: {', '.join(names)}.",
    )


def _reconstructions(run: Run) -> EmbeddedImage | None:
    """Return originals in rows, the reconstructions of each row below it."""
    from pipeline.report import latents

    originals = _originals(run)
    if originals is None:
        return None
    images, names, what = originals
    made = latents.reconstructions(run.paths.generator, images, names)
    if made is None:
        return None
    rows = len(images) // GRID_COLUMNS
    pairs = np.stack([side.reshape(rows, GRID_COLUMNS, *side.shape[1:]) for side in (images, made)])
    return embed_grid(
        pairs.swapaxes(0, 1).reshape(-1, *images.shape[1:]),
        GRID_COLUMNS,
        max_bytes=GRID_BYTES,
        alt=f"{rows} rows of real images, below each the row of their reconstructions",
        caption=f"{len(images)} {what}, below each its reconstruction.",
    )


def _originals(run: Run) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Return some real images in whole rows, the names of their classes and what they are: unseen
    ones where there are some."""
    if run.held_out is not None and len(run.held_out[0]) >= GRID_COLUMNS:
        images, names = run.held_out
        what = "test images, which training did not see"
    elif run.crops is not None and run.index is not None and len(run.crops) >= GRID_COLUMNS:
        kept = run.index[run.index["crop"].notna()].sort_values("crop")
        if len(kept) != len(run.crops):
            return None
        images, names = run.crops, kept["class"].fillna("").to_numpy(dtype=str)
        what = "training images"
    else:
        return None
    count = min(RECONSTRUCTIONS, len(images) // GRID_COLUMNS * GRID_COLUMNS)
    return spread(images, count), spread(names, count), what


def _pairs(run: Run, *, show_real: bool) -> list[EmbeddedImage]:
    """Return the samples closest to the training set, the closest first, each beside its nearest
    crop where crops may be shown."""
    shown = []
    for pair in (run.neighbours or {}).get("pairs", [])[:MOST_PAIRS]:
        generated = _row(run.generated, pair.get("generated"))
        if generated is None:
            continue
        sides, alt = [generated], f"Generated image {pair['generated']}"
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
    is_there = array is not None and isinstance(row, int) and 0 <= row < len(array)
    return np.asarray(array[row]) if is_there else None


def _hashes(run: Run) -> list[tuple[str, str]]:
    """Return the zip's hash as packed, and those of the large files as they lie here."""
    found = []
    if run.package and "sha256" in run.package:
        found.append((run.paths.images_zip, str(run.package["sha256"])))
    for path in (run.paths.generator, run.paths.crops, run.paths.index):
        if path.is_file():
            found.append((path, files.sha256(path)))
    return [(path.relative_to(run.paths.root).as_posix(), digest) for path, digest in found]
