"""The invented breeds of the drawn data set: proportions, ears, muzzle, coat and markings."""

from dataclasses import dataclass
from typing import Literal

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Breed:
    """One breed. Lengths are in head radii; colours are RGB, 0 to 255.

    `markings` names what is painted over the coat, in order; `drawn_coat` knows each name.
    """

    synset: str  # invented: ImageNet's own identifiers all lie below n16000000
    name: str
    ears: Literal["drop", "prick", "button", "long"]
    muzzle: Literal["short", "medium", "long", "square"]
    coat: Colour
    second: Colour  # muzzle, chest and paws
    dark: Colour  # masks, spots, saddles, stripes
    ear: Colour
    markings: tuple[str, ...] = ()
    eye: Colour = (74, 44, 22)
    nose: Colour = (32, 27, 28)
    fluff: float = 0.0  # length of the tufts along the outline
    cheeks: float = 1.0  # width of the lower head: below 1 a wedge, above 1 jowls or a ruff
    build: float = 1.0  # width of the body: below 1 slim, above 1 stocky
    legs: float = 1.0  # length of the legs
    size: float = 1.0  # size of the whole dog in an image
    beard: bool = False


WHITE = (248, 244, 237)
CREAM = (246, 228, 194)
TAN = (206, 138, 70)
BLACK = (50, 46, 50)

# fmt: off
BREEDS = (
    Breed("n90000001", "tricolour_hound", "drop", "medium", (190, 116, 56), WHITE, BLACK,
          (88, 56, 42), ("blaze", "saddle"), legs=0.9),
    Breed("n90000002", "spotted_courser", "drop", "medium", WHITE, WHITE, BLACK, BLACK,
          ("spots",), build=0.9, legs=1.15, size=1.05),
    Breed("n90000003", "snow_runner", "prick", "medium", (108, 116, 130), WHITE, (72, 78, 92),
          (84, 92, 106), ("white_face", "saddle"), eye=(92, 170, 226), fluff=0.11),
    Breed("n90000004", "brindle_bulldog", "button", "short", (172, 120, 76), WHITE, (96, 62, 42),
          (120, 78, 50), ("brindle", "blaze"), cheeks=1.3, build=1.3, legs=0.7, size=0.95),
    Breed("n90000005", "golden_fetcher", "drop", "medium", (230, 176, 92), CREAM,
          (186, 130, 62), (200, 138, 64), (), fluff=0.1, size=1.05),
    Breed("n90000006", "saddle_shepherd", "prick", "long", (206, 146, 82), (218, 168, 108), BLACK,
          (92, 66, 50), ("mask", "saddle"), cheeks=0.95, fluff=0.06, size=1.1, legs=1.1),
    Breed("n90000007", "long_eared_rambler", "long", "square", (226, 158, 88), WHITE,
          (120, 70, 42), (128, 74, 42), ("saddle",), cheeks=1.05, legs=0.5, build=1.15),
    Breed("n90000008", "fawn_smallface", "button", "short", (232, 198, 150), (232, 198, 150),
          BLACK, BLACK, ("mask",), cheeks=1.15, build=1.25, legs=0.65, size=0.85),
    Breed("n90000009", "white_cloud", "prick", "short", WHITE, WHITE, (226, 218, 206), WHITE, (),
          fluff=0.19, cheeks=1.2, build=1.15, size=0.95),
    Breed("n90000010", "merle_collie", "button", "long", (138, 150, 170), WHITE, (66, 70, 84),
          (84, 92, 108), ("merle", "blaze"), eye=(110, 170, 205), cheeks=0.9, fluff=0.13),
    Breed("n90000011", "grey_terrier", "button", "square", (112, 112, 118), (226, 224, 218),
          (84, 84, 90), (78, 78, 84), (), cheeks=0.95, beard=True, fluff=0.06, size=0.9),
    Breed("n90000012", "red_spitz", "prick", "medium", (222, 122, 48), CREAM, (170, 84, 34),
          (206, 106, 42), ("cheeks",), fluff=0.14, cheeks=1.2, size=0.85),
    Breed("n90000013", "chocolate_pointer", "drop", "square", (116, 70, 46), (116, 70, 46),
          (78, 46, 32), (84, 50, 34), (), eye=(190, 132, 54), nose=(70, 40, 34), legs=1.15,
          build=0.9),
    Breed("n90000014", "black_and_tan_pinscher", "prick", "long", (58, 52, 56), TAN, BLACK, BLACK,
          ("tan_points",), cheeks=0.85, build=0.8, legs=1.15),
    Breed("n90000015", "patched_spaniel", "long", "medium", WHITE, WHITE, (176, 80, 40),
          (176, 80, 40), ("eye_patches", "patches"), fluff=0.07, size=0.95),
    Breed("n90000016", "pirate_terrier", "button", "medium", WHITE, WHITE, BLACK, (70, 60, 58),
          ("one_patch", "patches"), build=1.05, legs=0.85, size=0.9),
)
# fmt: on
