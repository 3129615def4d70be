"""What parameters must agree on with the profile of the competition that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.competitions.registry import profile_of

if TYPE_CHECKING:
    from pipeline.competitions.profile import Profile
    from pipeline.config.schema import Params


def faults(params: Params) -> list[str]:
    """Return a line for each combination that the competition's profile does not take."""
    profile = profile_of(params.competition)
    found = (
        _side(params, profile),
        _count(params, profile),
        _hours(params, profile),
        _target(params, profile),
    )
    return [fault for fault in found if fault]


def _side(params: Params, profile: Profile) -> str | None:
    side = params.crop.side_px
    if side in profile.crop_sides:
        return None
    taken = ", ".join(map(str, profile.crop_sides))
    return f"crop.side_px = {side}: {profile.name} takes samples of {taken} px"


def _count(params: Params, profile: Profile) -> str | None:
    """A trial that sends nothing may have too few images."""
    count = params.generate.count
    taken = profile.count_fault(count)
    is_trial = params.submit.mode == "dry-run" and count < profile.counts[0]
    if taken is None or is_trial:
        return None
    return f"generate.count = {count}: {profile.name} takes {taken} images"


def _hours(params: Params, profile: Profile) -> str | None:
    """Of a kernel, where the competition takes one."""
    if profile.kernel is None:
        return None
    most = profile.kernel.hours
    hours, room_minutes = params.kaggle.time_limit_hours, params.kaggle.room_minutes
    if hours is not None and hours > most:
        return (
            f"kaggle.time_limit_hours = {hours:g}: {profile.name} gives a kernel {most:g} h; null "
            "takes that"
        )
    limit = hours or most
    if room_minutes >= limit * 60:
        return (
            f"kaggle.room_minutes = {room_minutes:g}: leaves nothing of {limit:g} h "
            "(kaggle.time_limit_hours) to train in"
        )
    return None


def _target(params: Params, profile: Profile) -> str | None:
    mode = params.submit.mode
    if profile.kernel is None and mode != "dry-run":
        return f"submit.mode = {mode}: competition {profile.name} takes no submissions"
    if profile.data is None and params.data.source == "kaggle":
        return f"data.source = kaggle: competition {profile.name} has no data"
    return None
