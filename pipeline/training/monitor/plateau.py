"""Where to stop: whether the score still improves by more than its noise, and where it was best."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

# A score of 2,000 samples moves by about a per cent from one set of samples to the next, and gaps
# of less than 1.3 % say nothing (Dufour, Efros and Pérez 2026, arXiv 2606.20536).
NOISE = 0.02
_SMOOTHED = 3  # scores, whose median counts: one lucky score is no improvement to be beaten


def images_since_improvement(rows: list[dict[str, Any]]) -> int:
    """Return how many images ago the score was last better by more than its noise; 0 while there
    are too few scores to tell.

    The median of each three scores in a row is held against the lowest median that counted so far:
    one that is lower by more than `NOISE` is an improvement, and many small steps add up to one.

    Args:
        rows: of the history; those without a score (`mifid`) are passed over.
    """
    scored = [(row["images_seen"], row["mifid"]) for row in rows if row["mifid"] is not None]
    best, at = None, 0
    for last in range(_SMOOTHED, len(scored) + 1):
        images = scored[last - 1][0]
        score = statistics.median(value for _, value in scored[last - _SMOOTHED : last])
        if best is None or score < best * (1 - NOISE):
            best, at = score, images
    return scored[-1][0] - at if best is not None else 0


def stopping_point(summary: Mapping[str, Any]) -> str | None:
    """Return in words at how many images the score was lowest, and what the memorisation distance d
    was there and at the end; None where there are no scores.

    d falls where samples come closer to training images: a generator that learns few images by
    heart goes on to fall there while its FID may still look good.

    Args:
        summary: of the history, as outputs/training.json holds it.
    """
    if "mifid_best_images" not in summary:
        return None
    score, images, distance = (summary[f"mifid_best{name}"] for name in ("", "_images", "_d"))
    last_score, last_images, last_distance = (
        summary[f"mifid_last{name}"] for name in ("", "_images", "_d")
    )
    lowest = f"the lowest MiFID of samples, {score:.2f}, was at {images} images (d {distance:.3f})"
    if images == last_images:
        return f"{lowest}, the last that were scored: more images may lower it further"
    return (
        f"{lowest}; at the end, {last_images} images, it is {last_score:.2f} "
        f"(d {last_distance:.3f}): train.images: {images} or train.keep: best stops there"
    )
