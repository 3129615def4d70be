"""The package stage: generated.npy in, a checked zip and its facts out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.images import arrays
from pipeline.stages import package
from pipeline.submission import guess
from pipeline.submission.reader import check_zip, read_zip
from tests.factories import noise
from tests.forms import DOGS, MONET


def generated(paths: Paths, count: int, side_px: int, channels: int = 3) -> np.ndarray:
    """Noise in outputs/generated.npy."""
    images = noise(count, side_px, channels=channels)
    paths.generated.parent.mkdir(parents=True, exist_ok=True)
    np.save(paths.generated, images)
    return images


def packed(paths: Paths) -> np.ndarray:
    """Run the stage; the images of its zip."""
    package.run(paths, competition="generative-dog-images")
    return read_zip(paths.images_zip, DOGS).images


def test_zip_and_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = Paths(tmp_path)
    images = generated(paths, 4, 64)
    images[3] = images[1]
    np.save(paths.generated, images)
    assert np.array_equal(packed(paths), images)
    facts = json.loads(paths.package.read_text())
    assert facts == check_zip(paths.images_zip, DOGS, count=4).as_dict()
    assert set(facts) == {"sha256", "images", "bytes", "duplicates"}
    assert facts["duplicates"] == 1
    printed = capsys.readouterr().out
    assert "1 of 4 images repeat another" in printed
    assert "generative-dog-images takes exactly 10,000 images (generate.count)" in printed


def test_kaggles_own_count_is_not_remarked_upon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = Paths(tmp_path)
    generated(paths, DOGS.counts[0], 2, channels=1)
    package.run(paths, competition="generative-dog-images")
    assert "takes" not in capsys.readouterr().out


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side_px", [16, 32, 128])
def test_other_sides_become_64_and_grey_becomes_rgb(
    tmp_path: Path, side_px: int, channels: int
) -> None:
    paths = Paths(tmp_path)
    rgb = np.repeat(generated(paths, 2, side_px, channels), 3 // channels, axis=3)
    expected = Image.fromarray(rgb[1]).resize((64, 64), Image.Resampling.BICUBIC)
    assert np.array_equal(packed(paths)[1], np.asarray(expected))


def test_shrinking_is_antialiased(tmp_path: Path) -> None:
    """Black and white columns by turns become an even grey; taking each second one would not."""
    paths = Paths(tmp_path)
    images = generated(paths, 1, 128)
    images[:, :, ::2] = 0
    images[:, :, 1::2] = 255
    np.save(paths.generated, images)
    inner = packed(paths)[0, 8:-8, 8:-8]
    assert np.abs(inner.astype(int) - 127).max() <= 12


def test_bad_arrays_are_one_line(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    with pytest.raises(InputError, match="run the generate stage first"):
        package.run(paths, competition="generative-dog-images")
    generated(paths, 0, 64)
    with pytest.raises(InputError, match="holds no images"):
        package.run(paths, competition="generative-dog-images")
    np.save(paths.generated, np.zeros((2, 64, 64, 3), np.float32))
    with pytest.raises(InputError, match=r"generated\.npy: must be uint8 .* not float32"):
        package.run(paths, competition="generative-dog-images")
    np.save(paths.generated, np.zeros((2, 64, 32, 3), np.uint8))
    with pytest.raises(InputError, match=r"\(2, 64, 32, 3\)"):
        package.run(paths, competition="generative-dog-images")
    paths.generated.write_bytes(paths.generated.read_bytes()[:500])
    with pytest.raises(InputError, match="no whole array"):
        package.run(paths, competition="generative-dog-images")
    assert not paths.images_zip.exists()
    assert not paths.package.exists()


def test_samples_of_another_competition_are_enlarged_and_written_as_jpeg(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = Paths(tmp_path)
    images = generated(paths, 3, 64)
    package.run(paths, competition="gan-getting-started")
    decoded = read_zip(paths.images_zip, MONET).images
    assert decoded.shape == (3, 256, 256, 3)
    expected = arrays.conform(images, MONET.shape)
    assert np.abs(decoded.astype(int) - expected).mean() < 4
    printed = capsys.readouterr().out
    assert "samples of 64 px are enlarged to 256 px" in printed
    assert "gan-getting-started takes 7,000 to 10,000 images" in printed


def test_without_a_competition_the_zip_has_the_samples_own_shape(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    images = generated(paths, 3, 32, channels=1)
    package.run(paths, competition="none")
    form = guess.form_of(paths.images_zip)
    assert np.array_equal(read_zip(paths.images_zip, form).images, images)
