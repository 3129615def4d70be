"""A folder of sprites through download and crop: transparency, palettes, tiny pictures, grey."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.data import held_out
from pipeline.data.archives.reader import open_archive
from pipeline.data.dataset import Dataset
from pipeline.images import decode
from pipeline.stages import crop, download
from tests import factories
from tests.factories import tiny

SIDE = 16


def sprite(seed: int = 0) -> np.ndarray:
    """Return pixels drawn one by one, uint8 (16, 16, 4): a quarter transparent, some half."""
    draw = np.random.default_rng(seed)
    pixels = draw.integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
    pixels[..., 3] = draw.choice([0, 128, 255, 255], (SIDE, SIDE))
    return pixels


def on(pixels: np.ndarray, background: tuple[int, int, int]) -> np.ndarray:
    """Return RGBA pixels on a background, by the definition of alpha."""
    alpha = pixels[..., 3:] / 255
    return pixels[..., :3] * alpha + np.array(background) * (1 - alpha)


def write(folder: Path, **pictures: Image.Image) -> None:
    for name, picture in pictures.items():
        kind, _, stem = name.partition("_")
        path = folder / "hero" / f"{stem}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)


def run(root: Path, **changes: Any) -> Paths:
    """Download and crop the folder `root`/sprites to 32 px; return where things are."""
    settings = tiny(
        **{
            "data__source": "folder",
            "data__folder__path": "sprites",
            "crop__side_px": 32,
            "crop__min_side_px": 1,
        }
        | changes
    )
    paths = Paths(root)
    download.run(paths, data=settings.data, competition=settings.competition)
    crop.run(paths, crop=settings.crop)
    return paths


def crops_of(paths: Paths) -> np.ndarray:
    return Dataset.load(paths.crops, paths.index).images


@pytest.mark.parametrize(
    ("background", "colour"),
    [("white", (255, 255, 255)), ("black", (0, 0, 0)), ("#10a0F0", (16, 160, 240))],
)
def test_transparency_is_laid_on_the_background(
    tmp_path: Path, background: str, colour: tuple[int, int, int]
) -> None:
    write(tmp_path / "sprites", png_a=Image.fromarray(sprite()))
    found = crops_of(run(tmp_path, data__folder__background=background))
    expected = on(sprite(), colour).repeat(2, 0).repeat(2, 1)
    # Rounded once, or by Pillow's integers: at most a level.
    assert np.abs(found[0].astype(float) - expected).max() <= 1


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    """As GIFs and old sprites have it: colour 0 of the palette is transparent."""
    rows = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 3
    picture = Image.fromarray(rows.astype(np.uint8)).convert("P")
    picture.putpalette([9, 9, 9, 200, 0, 0, 0, 0, 200])
    picture.info["transparency"] = 0
    write(tmp_path / "sprites", png_a=picture, gif_b=picture)
    found = crops_of(run(tmp_path, data__folder__background="#00ff00"))
    colours = np.array([[0, 255, 0], [200, 0, 0], [0, 0, 200]])
    for crop_ in found:
        assert np.array_equal(crop_, colours[rows].repeat(2, 0).repeat(2, 1))


def test_other_files_are_packed_as_they_are(tmp_path: Path) -> None:
    """What has no transparency, also what is damaged, keeps its bytes whatever the background; with
    white every file does."""
    opaque = Image.fromarray(sprite()[..., :3])
    write(tmp_path / "sprites", png_a=opaque, jpg_b=opaque, png_c=Image.fromarray(sprite()))
    folder = tmp_path / "sprites" / "hero"
    (folder / "d.png").write_bytes((folder / "c.png").read_bytes()[:60])
    changed = {}
    for background in ("black", "white"):
        paths = run(tmp_path, data__folder__background=background, crop__max_bad_share=0.5)
        with open_archive(paths.raw, "images") as archive:
            changed[background] = [
                name
                for name in archive.names
                if archive.read(name) != (folder / Path(name).name).read_bytes()
            ]
    assert changed == {"black": ["Images/hero/c.png"], "white": []}


def test_the_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "sprites", png_a=Image.fromarray(sprite()))
    found = [
        (run(tmp_path, data__folder__background="black").raw / "images.tar").read_bytes()
        for _ in range(2)
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("background", "words"),
    [
        ("#12345", r"data\.folder\.background = '#12345': "),
        ("rgb(1,2,3)", r"data\.folder\.background"),
        ("", r"data\.folder\.background"),
        ("pinkish", r"background = 'pinkish': no colour; give #rrggbb or a name"),
    ],
)
def test_what_is_no_colour_is_one_line(tmp_path: Path, background: str, words: str) -> None:
    write(tmp_path / "sprites", png_a=Image.fromarray(sprite()))
    with pytest.raises(InputError, match=words):
        run(tmp_path, data__folder__background=background)


# --- tiny pictures -----------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["square", "stretch", "pad"])
def test_whole_multiples_repeat_the_pixels(tmp_path: Path, mode: str) -> None:
    pixels = sprite()[..., :3]
    write(tmp_path / "sprites", png_a=Image.fromarray(pixels))
    paths = run(tmp_path, crop__mode=mode, crop__side_px=64)
    assert np.array_equal(crops_of(paths)[0], pixels.repeat(4, 0).repeat(4, 1))


def test_others_are_pillows_bicubic(tmp_path: Path) -> None:
    pixels = sprite()[:12, :12, :3]
    write(tmp_path / "sprites", png_a=Image.fromarray(pixels))
    expected = Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC)
    assert np.array_equal(crops_of(run(tmp_path))[0], np.asarray(expected))


def test_a_box_of_a_photo_is_never_enlarged_by_repeating(tmp_path: Path) -> None:
    """The default data's crops: a box of 16 px on a photo is Pillow's bicubic."""
    from pipeline.data.cropping import crops
    from pipeline.data.cropping.boxes import Box
    from pipeline.data.cropping.photos import Photo

    image = factories.photo(60, 50)
    rules = tiny(crop__side_px=32, crop__mode="stretch", crop__min_side_px=1).crop
    found = crops.crop_photo(
        factories.png(image), Photo("a.png", "dog", "a", None, (Box(8, 8, 24, 24),)), rules
    )
    expected = Image.fromarray(image[8:24, 8:24]).resize((32, 32), Image.Resampling.BICUBIC)
    assert np.array_equal(found.crops[0], np.asarray(expected))


# --- grey --------------------------------------------------------------------------------------
def grey_pictures() -> dict[str, Image.Image]:
    images = [Image.fromarray(image[..., 0]) for image in factories.images(4, SIDE, channels=1)]
    return {
        "png_a": images[0],
        "png_b": images[1].convert("RGB"),  # grey, stored in colour
        "png_c": images[2].convert("LA"),
        "jpg_d": images[3],
    }


def test_where_all_is_grey_the_crops_have_one_channel(tmp_path: Path) -> None:
    write(tmp_path / "sprites", **grey_pictures())
    paths = run(tmp_path)
    found = crops_of(paths)
    assert found.shape == (4, 32, 32, 1)
    assert held_out.load_images(paths.held_out).shape == (0, 32, 32, 1)
    pictures = list(grey_pictures().values())
    for crop_, picture in zip(found[:3], pictures, strict=False):
        pixels = np.asarray(picture.convert("L"))
        assert np.array_equal(crop_[..., 0], pixels.repeat(2, 0).repeat(2, 1))


def test_one_coloured_picture_and_all_have_three(tmp_path: Path) -> None:
    pictures = grey_pictures() | {"png_z": Image.fromarray(sprite()[..., :3])}
    write(tmp_path / "sprites", **pictures)
    found = crops_of(run(tmp_path))
    assert found.shape == (5, 32, 32, 3)
    assert (found[:4, ..., 0] == found[:4, ..., 2]).all()


def test_opaque_says_nothing_of_what_it_cannot_read() -> None:
    assert decode.opaque(b"no image", (0, 0, 0)) is None
    buffer = io.BytesIO()
    Image.fromarray(sprite()).save(buffer, "PNG")
    assert decode.opaque(buffer.getvalue()[:80], (0, 0, 0)) is None
    assert decode.opaque(buffer.getvalue(), (0, 0, 0)).mode == "RGB"
