"""Say the score in words: what the number is, how it compares, whether the model memorised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

# Scores of Kaggle's Generative Dog Images (2019), public leaderboard, lower is better. Kaggle
# computed them with the Inception network of 2015-12-05: no proxy's number stands beside them.
BEST_HONEST = 12.46
WINNER = 31.10
DCGAN_NOTEBOOKS = (57.0, 187.0)


@dataclass(frozen=True)
class Verdict:
    """Whether the memorisation distance is a sign of memorisation."""

    level: Literal["clear", "suspicious", "penalised", "unknown"]
    headline: str
    words: str


def is_official(metrics: Mapping[str, Any]) -> bool:
    """Return whether the number is computed as Kaggle's public score was."""
    return metrics.get("official") is True


def network(metrics: Mapping[str, Any]) -> str:
    """Return the feature network and what its number may be compared with."""
    if is_official(metrics):
        return "official network (Inception 2015) against whole photos, as Kaggle's public score"
    if metrics.get("extractor") == "inception":
        return "official network (Inception 2015), but against crops: not Kaggle's number"
    return (
        f"proxy network ({metrics.get('extractor', 'unknown')}): compares runs with each other, "
        "not Kaggle's number"
    )


def verdict(metrics: Mapping[str, Any] | None) -> Verdict:
    """Compare `memorization_distance` with the threshold that the score used.

    The distance d is the mean, over the samples, of the cosine distance to the nearest real image
    (Bai et al. 2021); below the threshold MiFID is FID / d, else FID.
    """
    distance = (metrics or {}).get("memorization_distance")
    threshold = (metrics or {}).get("threshold")
    if distance is None or threshold is None:
        return Verdict("unknown", "Not known", "No memorisation distance was computed.")
    numbers = f"d = {distance:.4g}, threshold {threshold:.4g}"
    unseen = metrics.get("floor_memorization_distance")
    beside = "" if unseen is None else f" Unseen real images get {unseen:.4g}."
    if unseen is not None and unseen < threshold:
        beside += " They are below the threshold too: here it says little."
    if distance < threshold:
        return Verdict(
            "penalised",
            "Memorised: penalised",
            f"The samples lie closer to the training images than the threshold allows "
            f"({numbers}), so that FID is divided by d.{beside}",
        )
    if metrics.get("memorization_warning"):
        return Verdict(
            "suspicious",
            "Suspiciously close",
            f"No penalty ({numbers}), but as close to the training images as submissions that "
            f"Kaggle disqualified. Compare the nearest pairs.{beside}",
        )
    return Verdict(
        "clear",
        "No sign of memorisation",
        f"The samples lie farther from the training images than the threshold ({numbers}).{beside}",
    )


def number(value: Any) -> str:
    """Return a number as text: thousands apart, four significant digits; text stays as it is."""
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
    """Return `4.2 s`, `3 min 20 s` or `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: int) -> str:
    """Return a number of bytes as `12.3 MB` (10^6)."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
