"""The score in words: what the number is, how it compares, and whether the model memorised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

# Scores of Kaggle's Generative Dog Images (2019), public leaderboard, lower is better. Computed
# by Kaggle with the Inception network of 2015-12-05, so no proxy's number stands beside them.
BEST_HONEST = 12.46
WINNER = 31.10
DCGAN_NOTEBOOKS = (57.0, 187.0)


@dataclass(frozen=True)
class Verdict:
    """What the memorisation distance says."""

    level: Literal["clear", "suspicious", "penalised", "unknown"]
    headline: str
    words: str


def is_official(metrics: Mapping[str, Any]) -> bool:
    """True where the number is computed as Kaggle's public score was."""
    return metrics.get("official") is True


def network(metrics: Mapping[str, Any]) -> str:
    """The feature network, and how far its number may be compared."""
    if is_official(metrics):
        return "official network (Inception 2015) against whole photos, as Kaggle's public score"
    if metrics.get("extractor") == "inception":
        return "official network (Inception 2015), but against crops: not Kaggle's number"
    return (
        f"proxy network ({metrics.get('extractor', 'unknown')}): compares runs with each other, "
        "not Kaggle's number"
    )


def verdict(metrics: Mapping[str, Any] | None) -> Verdict:
    """Judge `memorization_distance` by the threshold that the score used.

    The distance d is the mean, over the generated pictures, of the cosine distance to the nearest
    real one (Bai et al. 2021); below the threshold MiFID is FID / d, else FID.
    """
    distance = (metrics or {}).get("memorization_distance")
    threshold = (metrics or {}).get("threshold")
    if distance is None or threshold is None:
        return Verdict("unknown", "Not judged", "No memorisation distance was computed.")
    figures = f"d = {distance:.4g}, threshold {threshold:.4g}"
    floor = metrics.get("floor_memorization_distance")
    beside = "" if floor is None else f" Real pictures it never saw are at {floor:.4g}."
    if floor is not None and floor < threshold:
        beside += " These are below the threshold too: here it says little."
    if distance < threshold:
        return Verdict(
            "penalised",
            "Memorised: penalised",
            f"The generated pictures lie closer to the training pictures than the threshold allows "
            f"({figures}), so that FID is divided by d.{beside}",
        )
    if metrics.get("memorization_warning"):
        return Verdict(
            "suspicious",
            "Suspiciously close",
            f"No penalty ({figures}), but as close to the training pictures as submissions that "
            f"Kaggle disqualified. Look at the nearest pairs.{beside}",
        )
    return Verdict(
        "clear",
        "No sign of memorisation",
        f"The generated pictures keep their distance from the training pictures "
        f"({figures}).{beside}",
    )


def number(value: Any) -> str:
    """A figure for people: thousands apart, four significant digits, text as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value.is_integer() and 1e4 <= abs(value) < 1e15:
            return f"{value:,.0f}"
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return "" if value is None else str(value)


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: int) -> str:
    """Bytes as `12.3 MB` (10^6)."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
