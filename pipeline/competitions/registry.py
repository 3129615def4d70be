"""The profiles, by the names that the parameter `competition` takes. A new one: its module, and a
line here."""

from pipeline.common.errors import InputError
from pipeline.competitions import gan_getting_started, generative_dog_images, none
from pipeline.competitions.profile import Profile

COMPETITIONS: dict[str, Profile] = {
    profile.name: profile
    for profile in (generative_dog_images.PROFILE, gan_getting_started.PROFILE, none.PROFILE)
}


def profile_of(name: str) -> Profile:
    """Return a competition's profile.

    Raises:
        InputError: there is none of this name.
    """
    if name not in COMPETITIONS:
        known = ", ".join(COMPETITIONS)
        raise InputError(f"competition = {name!r}: no such profile; there are {known}")
    return COMPETITIONS[name]
