"""How long a training will take, said once, soon after its start."""

from __future__ import annotations

# The first steps are slower (memory, kernels chosen for the shapes), so they do not count.
_WARM_UP_SECONDS = 3.0
_MEASURED_SECONDS = 10.0


class TimeEstimate:
    """Measures the speed of the first steps.

    Args:
        images_left: that the networks are still to be shown.
        seconds: on a clock, at the start.
    """

    def __init__(self, images_left: int, seconds: float) -> None:
        self._left = images_left
        self._start = seconds + _WARM_UP_SECONDS
        self._first: tuple[int, float] | None = None
        self._is_said = False

    def after(self, images: int, seconds: float) -> str | None:
        """Return the estimate in words, once, when enough was measured; else None.

        Args:
            images: shown since the start.
            seconds: on the same clock.
        """
        if self._is_said or seconds < self._start:
            return None
        if self._first is None:
            self._first = images, seconds
            return None
        images_before, seconds_before = self._first
        passed = seconds - seconds_before
        if passed < _MEASURED_SECONDS:
            return None
        self._is_said = True
        rate = (images - images_before) / passed
        return (
            f"about {in_words((self._left - images) / rate)} on this machine, as busy as it is now"
        )


def in_words(seconds: float) -> str:
    """Return a length of time, in the unit that fits it."""
    minutes = seconds / 60
    if minutes < 1.5:
        return "a minute"
    if minutes < 90:
        return f"{minutes:.0f} minutes"
    return f"{minutes / 60:.1f} hours" if minutes < 60 * 48 else f"{minutes / 60 / 24:.1f} days"
