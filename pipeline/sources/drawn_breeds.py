"""The invented breeds of the drawn data set: proportions, ears, muzzle, coat and markings of each."""

from dataclasses import dataclass
from typing import Literal

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Breed:
    """One breed. Lengths are in head radii; colours are RGB, 0 to 255.

    `markings` names what is painted over the coat, in order; each name is a function in
    `drawn_coat`.
    """

    synset: str  # invented: ImageNet's identifiers are below n16000000
    name: str
    ears: Literal["drop", "prick", "button", "long"]
    muzzle: Literal["short", "long", "square", "medium"]
    coat: Colour
    second: Colour  # muzzle, chest, paws, or whatever the markings use
    dark: Colour  # third colour: masks, spots, saddles, stripes
    ear: Colour
    markings: tuple[str, ...] = ()
    eye: Colour = (74, 44, 22)
    nose: Colour = (32, 27, 28)
    fluff: float = 0.0  # length of the tufts along the outline
    build: float = 1.0  # width of the body: below 1 slim, above 1 stocky
    legs: float = 1.0  # length of the legs
    size: float = 1.0  # size of the whole dog in a picture
    beard: bool = False


WHITE = (247, 243, 235)
CREAM = (244, 226, 190)
TAN = (201, 138, 74)
BLACK = (48, 44, 48)

BREEDS = (
    Breed(
        "n90000001",
        "tricolour_hound",
        "drop",
        "medium",
        (186, 114, 54),
        WHITE,
        BLACK,
        (150, 86, 40),
        ("blaze", "saddle"),
        legs=0.9,
    ),
    Breed(
        "n90000002",
        "spotted_courser",
        "drop",
        "medium",
        WHITE,
        WHITE,
        BLACK,
        BLACK,
        ("spots",),
        build=0.9,
        legs=1.15,
        size=1.05,
    ),
    Breed(
        "n90000003",
        "snow_runner",
        "prick",
        "medium",
        (104, 112, 126),
        WHITE,
        (70, 76, 90),
        (84, 92, 106),
        ("white_face", "saddle"),
        eye=(96, 168, 220),
        fluff=0.10,
    ),
    Breed(
        "n90000004",
        "brindle_bulldog",
        "button",
        "short",
        (150, 100, 62),
        WHITE,
        (88, 56, 38),
        (110, 70, 44),
        ("brindle", "blaze"),
        build=1.3,
        legs=0.7,
        size=0.95,
    ),
    Breed(
        "n90000005",
        "golden_fetcher",
        "drop",
        "medium",
        (222, 168, 88),
        CREAM,
        (186, 130, 62),
        (196, 136, 66),
        (),
        fluff=0.09,
        size=1.05,
    ),
    Breed(
        "n90000006",
        "saddle_shepherd",
        "prick",
        "long",
        (200, 140, 78),
        (214, 162, 100),
        BLACK,
        (92, 66, 50),
        ("mask", "saddle"),
        fluff=0.05,
        size=1.1,
        legs=1.1,
    ),
    Breed(
        "n90000007",
        "long_eared_rambler",
        "long",
        "square",
        (206, 128, 62),
        WHITE,
        BLACK,
        (158, 88, 42),
        ("blaze", "saddle"),
        legs=0.5,
        build=1.15,
    ),
    Breed(
        "n90000008",
        "fawn_smallface",
        "button",
        "short",
        (226, 190, 142),
        (226, 190, 142),
        BLACK,
        BLACK,
        ("mask",),
        build=1.25,
        legs=0.65,
        size=0.85,
    ),
    Breed(
        "n90000009",
        "white_cloud",
        "prick",
        "short",
        WHITE,
        WHITE,
        (226, 218, 206),
        WHITE,
        (),
        fluff=0.16,
        build=1.15,
        size=0.95,
    ),
    Breed(
        "n90000010",
        "merle_collie",
        "button",
        "long",
        (128, 140, 158),
        WHITE,
        (66, 70, 82),
        (90, 98, 114),
        ("merle", "blaze"),
        eye=(110, 170, 205),
        fluff=0.12,
    ),
    Breed(
        "n90000011",
        "grey_terrier",
        "button",
        "square",
        (124, 124, 128),
        (206, 204, 200),
        (84, 84, 90),
        (92, 92, 98),
        ("brows",),
        beard=True,
        fluff=0.05,
        size=0.9,
    ),
    Breed(
        "n90000012",
        "red_spitz",
        "prick",
        "medium",
        (216, 118, 48),
        CREAM,
        (170, 84, 34),
        (206, 106, 42),
        ("cheeks",),
        fluff=0.13,
        size=0.85,
    ),
    Breed(
        "n90000013",
        "chocolate_pointer",
        "long",
        "square",
        (108, 66, 44),
        (108, 66, 44),
        (78, 46, 32),
        (84, 50, 34),
        (),
        eye=(170, 116, 44),
        nose=(84, 48, 40),
        legs=1.15,
        build=0.9,
    ),
    Breed(
        "n90000014",
        "black_and_tan_pinscher",
        "prick",
        "long",
        (56, 50, 54),
        TAN,
        BLACK,
        BLACK,
        ("tan_points",),
        build=0.8,
        legs=1.15,
    ),
    Breed(
        "n90000015",
        "patched_spaniel",
        "long",
        "medium",
        WHITE,
        WHITE,
        (170, 78, 40),
        (170, 78, 40),
        ("eye_patches", "patches"),
        fluff=0.06,
        size=0.95,
    ),
    Breed(
        "n90000016",
        "pirate_terrier",
        "button",
        "medium",
        WHITE,
        WHITE,
        BLACK,
        (70, 60, 58),
        ("one_patch", "patches"),
        build=1.05,
        legs=0.85,
        size=0.9,
    ),
)
