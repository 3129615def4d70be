"""The package stage: generated.npy in, a checked zip and its facts out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.config import schema
from pipeline.stages import package
from pipeline.submission import images_zip


def generated(paths: Paths, count: int, side_px: int) -> np.ndarray:
    images = np.random.default_rng(2).integers(0, 256, (count, side_px, side_px, 3), np.uint8)
    paths.generated.parent.mkdir(parents=True)
    np.save(paths.generated, images)
    return images


def test_zip_and_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = Paths(tmp_path)
    images = generated(paths, 4, 64)
    images[3] = images[1]
    np.save(paths.generated, images)
    package.run(paths, package=schema.Package(count=4))
    assert np.array_equal(images_zip.read(paths.images_zip).images, images)
    facts = json.loads(paths.package.read_text())
    assert facts == images_zip.check(paths.images_zip, count=4).as_dict()
    assert facts["duplicates"] == 1
    printed = capsys.readouterr().out
    assert "1 of 4 pictures repeat another" in printed
    assert "Kaggle takes exactly 10,000" in printed


@pytest.mark.parametrize("side_px", [32, 128])
def test_other_sides_become_64(tmp_path: Path, side_px: int) -> None:
    paths = Paths(tmp_path)
    images = generated(paths, 2, side_px)
    package.run(paths, package=schema.Package(count=2))
    packed = images_zip.read(paths.images_zip).images
    expected = Image.fromarray(images[1]).resize((64, 64), Image.Resampling.BICUBIC)
    assert np.array_equal(packed[1], np.asarray(expected))


def test_shrinking_is_antialiased(tmp_path: Path) -> None:
    """Black and white columns by turns become an even grey; taking each second one would not."""
    paths = Paths(tmp_path)
    images = generated(paths, 1, 128)
    images[:, :, ::2] = 0
    images[:, :, 1::2] = 255
    np.save(paths.generated, images)
    package.run(paths, package=schema.Package(count=1))
    inner = images_zip.read(paths.images_zip).images[0, 8:-8, 8:-8]
    assert np.abs(inner.astype(int) - 127).max() <= 12


def test_bad_arrays_are_one_line(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    with pytest.raises(InputError, match="run the generate stage first"):
        package.run(paths, package=schema.Package(count=1))
    generated(paths, 2, 64)
    with pytest.raises(InputError, match="2 files instead of 3"):
        package.run(paths, package=schema.Package(count=3))
    np.save(paths.generated, np.zeros((2, 64, 64, 3), np.float32))
    with pytest.raises(InputError, match="float32"):
        package.run(paths, package=schema.Package(count=2))
    np.save(paths.generated, np.zeros((2, 64, 32, 3), np.uint8))
    with pytest.raises(InputError, match=r"\(2, 64, 32, 3\)"):
        package.run(paths, package=schema.Package(count=2))
    paths.generated.write_bytes(paths.generated.read_bytes()[:500])
    with pytest.raises(InputError, match="not a whole array"):
        package.run(paths, package=schema.Package(count=2))
    assert not paths.images_zip.exists()
    assert not paths.package.exists()
