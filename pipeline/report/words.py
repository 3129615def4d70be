"""Say the score in words: what the number is, how it compares, whether the model memorised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.competitions.profile import Profile
from pipeline.competitions.registry import COMPETITIONS

# Copies that d against whole images does not see, by the metric that does.
_COPIES = {"memorization_distance_flips": "mirrored", "memorization_distance_parts": "parts of"}


@dataclass(frozen=True)
class Verdict:
    """Whether the memorisation distance is a sign of memorisation."""

    level: Literal["clear", "suspicious", "penalised", "unknown"]
    headline: str
    words: str


def is_official(metrics: Mapping[str, Any]) -> bool:
    """Return whether the number is computed as Kaggle's public score was."""
    return metrics.get("official") is True


def competition(metrics: Mapping[str, Any]) -> Profile | None:
    """Return the profile of the competition that a score's protocol names, `NAME: …`; None where
    it names none that is known."""
    return COMPETITIONS.get(str(metrics.get("protocol", "")).partition(":")[0])


def public_scores(metrics: Mapping[str, Any]) -> str:
    """Say which public scores a run's number may stand beside, "" where there are none."""
    profile = competition(metrics)
    if profile is None or profile.leaderboard is None:
        return ""
    board = profile.leaderboard
    if is_official(metrics):
        kind, lowest, highest = board.band
        known = [f"{name} {score:.2f}" for name, score in board.marks]
        return f"{board.title}: {', '.join([*known, f'{kind} {lowest:.0f} to {highest:.0f}'])}"
    other = "Not on Kaggle's scale"
    if profile.protocol.network is None:
        return f"{other}, which the organisers do not publish"
    return f"{other}; reference.extractor: {profile.protocol.network} gives a number that is"


def network(metrics: Mapping[str, Any]) -> str:
    """Return the feature network and what its number may be compared with."""
    if is_official(metrics):
        return "official network (Inception 2015) against whole photos, as Kaggle's public score"
    if metrics.get("extractor") == "inception":
        against = metrics.get("reference", "unknown images")
        return f"network Inception 2015, against {against}: not known to be Kaggle's number"
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
    copies = [
        f"{what} training images (d = {metrics[name]:.4g})"
        for name, what in _COPIES.items()
        if metrics.get(name) is not None and metrics[name] < threshold
    ]
    if copies:
        return Verdict(
            "suspicious",
            "Mirrored or cut-out copies",
            f"No penalty ({numbers}), but the samples lie closer than the threshold to "
            f"{' and to '.join(copies)}.{beside}",
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
