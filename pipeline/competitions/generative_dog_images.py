"""Generative Dog Images (Kaggle, 2019): 10,000 dogs of 64 px.

Sources: the competition's page, and Bai et al. 2021, arXiv 2106.03062, for the public score.
"""

from pipeline.competitions.form import PNG
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
    name="generative-dog-images",
    shape=ImageShape(64, 3),
    counts=(10_000, 10_000),
    name_digits=5,
    encoding=PNG,
    crop_sides=(32, 64, 128),
    kernel=KernelRules(hours=9.0, slug="generative-dog-images-dcgan"),
    data=DataLayout(
        parts=(
            DataPart("images", "all-dogs", "all-dogs"),
            DataPart("annotation", "annotation", "Annotation"),
        ),
        downloads=("all-dogs.zip", "Annotation.zip"),
        is_one_zip=False,
    ),
    protocol=Protocol(network="inception", threshold=0.1, real_side="photos"),
    leaderboard=Leaderboard(
        "Kaggle's public scores, 2019",
        (("best honest score", 12.46), ("the winner's", 31.10)),
        ("DCGAN notebooks", 57.0, 187.0),
    ),
    pretrained_weights=False,
)
