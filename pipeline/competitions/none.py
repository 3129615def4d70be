"""No competition: one's own images. The zip has the data's own shape, and nothing is pushed."""

from pipeline.competitions.form import PNG
from pipeline.competitions.profile import Profile, Protocol

PROFILE = Profile(
    name="none",
    shape=None,
    counts=(1, 200_000),
    name_digits=5,
    encoding=PNG,
    crop_sides=(16, 32, 64, 128, 256),
    kernel=None,
    data=None,
    protocol=Protocol(),
    leaderboard=None,
    pretrained_weights=None,
)
