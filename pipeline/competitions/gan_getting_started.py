"""I'm Something of a Painter Myself (Kaggle, open): 7,000 to 10,000 Monets of 256 px.

Sources: the competition's page as quoted in public notebooks. The organisers publish neither the
network, nor its threshold, nor which images are the real side; the 300 paintings are a guess.
"""

from pipeline.competitions.form import jpeg
from pipeline.competitions.profile import (
    DataLayout,
    DataPart,
    KernelRules,
    Leaderboard,
    Profile,
    Protocol,
)
from pipeline.images.shape import ImageShape

PROFILE = Profile(
    name="gan-getting-started",
    shape=ImageShape(256, 3),
    counts=(7_000, 10_000),
    name_digits=5,
    encoding=jpeg(quality=95),
    crop_sides=(64, 128, 256),
    kernel=KernelRules(hours=5.0, slug="gan-getting-started-from-scratch"),
    data=DataLayout(
        parts=(DataPart("images", "monet_jpg", "Images/monet"),),
        downloads=("gan-getting-started.zip",),
        is_one_zip=True,
    ),
    protocol=Protocol(),
    leaderboard=Leaderboard(
        "Kaggle's public scores, as their authors tell them", (), ("solutions", 37.0, 79.0)
    ),
    pretrained_weights=None,
)
