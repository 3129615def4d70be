"""The profiles say what is published, and nothing else in the package says it."""

import re
from pathlib import Path

import pytest

from pipeline.common.errors import InputError
from pipeline.competitions.registry import COMPETITIONS, profile_of
from pipeline.images.shape import ImageShape
from tests.standins.kaggle_api import SMALL

SHIPPED = {name: profile for name, profile in COMPETITIONS.items() if name != SMALL}


def test_the_two_competitions_as_their_pages_describe_them() -> None:
    dogs, monet = profile_of("generative-dog-images"), profile_of("gan-getting-started")
    assert (dogs.shape, dogs.counts) == (ImageShape(64, 3), (10_000, 10_000))
    assert (monet.shape, monet.counts) == (ImageShape(256, 3), (7_000, 10_000))
    assert (dogs.encoding.name, monet.encoding.name) == ("PNG", "JPEG")
    assert dogs.kernel is not None and monet.kernel is not None
    assert (dogs.kernel.hours, monet.kernel.hours * 60) == (9.0, 300)
    assert (dogs.pretrained_weights, monet.pretrained_weights) == (False, None)
    # Of the open one nothing is published of the score.
    assert (monet.protocol.network, monet.protocol.threshold, monet.protocol.real_side) == (
        (None,) * 3
    )


@pytest.mark.parametrize(
    ("name", "count", "taken"),
    [
        ("generative-dog-images", 10_000, None),
        ("generative-dog-images", 9_999, "exactly 10,000"),
        ("gan-getting-started", 7_000, None),
        ("gan-getting-started", 10_000, None),
        ("gan-getting-started", 6_999, "7,000 to 10,000"),
        ("gan-getting-started", 10_001, "7,000 to 10,000"),
        ("none", 1, None),
    ],
)
def test_which_numbers_of_images_are_taken(name: str, count: int, taken: str | None) -> None:
    assert profile_of(name).count_fault(count) == taken


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("network", ["embedded", "inception"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("pictures", ["photos", "crops"])
def test_official_only_where_the_organisers_protocol_is_known(
    name: str, network: str, precision: str, pictures: str
) -> None:
    """Kaggle's dogs were scored by Inception in float32 against whole photos."""
    found = profile_of(name).is_official(network=network, precision=precision, pictures=pictures)
    official = ("generative-dog-images", "inception", "float32", "photos")
    assert found == ((name, network, precision, pictures) == official)


def test_one_takes_the_datas_own_shape() -> None:
    own = ImageShape(32, 1)
    assert profile_of("none").form(own).shape == own
    assert profile_of("gan-getting-started").form(own).shape == ImageShape(256, 3)


def test_names_end_as_the_encoding_says() -> None:
    own = ImageShape(64, 3)
    monet = profile_of("gan-getting-started").form(own)
    assert monet.file_names(7_000)[::6_999] == ["00000.jpg", "06999.jpg"]
    assert profile_of("none").form(own).file_names(1) == ["00000.png"]


def test_an_unknown_competition_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'cats': no such profile; there are generative-dog-im"):
        profile_of("cats")


def test_what_a_profile_says_stands_in_no_other_module(repository: Path) -> None:
    """The names of the data's files, the numbers of images, the slugs and public scores."""
    said = re.compile(
        r"all-dogs|monet_jpg|10_000 images|7_000|generative-dog-images|gan-getting|12\.46|31\.1"
    )
    package = repository / "pipeline"
    found = [
        (path.name, line.strip())
        for path in sorted(package.rglob("*.py"))
        if "competitions" not in path.relative_to(package).parts
        for line in path.read_text("utf-8").splitlines()
        if said.search(line)
    ]
    # Two docstrings show a name as an example.
    assert {name for name, _ in found} <= {"kaggle.py", "photos.py"}, found
