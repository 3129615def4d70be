"""The crop stage: everything is accounted for, and nothing is half written."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.common import checksums
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.config import params
from pipeline.config.schema import Crop
from pipeline.data import index
from pipeline.data.archives.reader import ArchiveDamaged, open_archive
from pipeline.images import decode
from pipeline.stages import crop as stage
from tests import checkout
from tests.data.raw import voc, write
from tests.factories import encode, photo, png, tiny

PICTURE = png(photo())


@pytest.fixture
def rules() -> Crop:
    return tiny(crop__side_px=32, crop__mode="stretch", crop__max_bad_share=1.0).crop


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return Paths(tmp_path)


def written(paths: Paths) -> tuple[np.ndarray, pd.DataFrame]:
    return np.load(paths.crops), index.read(paths.index)


def left(paths: Paths) -> set[str]:
    """What lies in data/ beside data/raw."""
    return {path.name for path in paths.crops.parent.iterdir()} - {"raw"}


def one_of_each_fault(paths: Paths) -> None:
    write(
        paths.raw,
        [
            ("Images/pug/broken_xml.png", PICTURE),
            ("Images/pug/good.png", PICTURE),
            ("Images/pug/no_annotation.png", PICTURE),
            ("Images/pug/no_box.png", PICTURE),
            ("Images/pug/other_size.png", PICTURE),
            ("Images/pug/text.png", b"hello"),
            ("Images/pug/truncated.png", PICTURE[:-60]),
            ("Images/pug/two.jpg", PICTURE),
            ("Images/pug/two.png", PICTURE),
        ],
        [
            ("Annotation/pug/broken_xml", b"<annotation>"),
            ("Annotation/pug/good", voc((10, 10, 50, 60), (0, 0, 100, 80))),
            ("Annotation/pug/no_box", voc()),
            ("Annotation/pug/no_photo", voc((1, 1, 40, 40), (2, 2, 40, 40))),
            ("Annotation/pug/other_size", voc((1, 1, 40, 40), size=(500, 80))),
            ("Annotation/pug/text", voc((1, 1, 40, 40), (2, 2, 40, 40))),
            ("Annotation/pug/truncated", voc((1, 1, 40, 40))),
            (
                "Annotation/pug/two",
                voc(
                    (5, 5, 5, 40),
                    (1, "x", 40, 40),
                    (200, 1, 240, 40),
                    (1, 1, 9, 9),
                    (0, 0, 100, 24),
                    (20, 20, 60, 60),
                ),
            ),
        ],
    )


def test_every_photo_annotation_and_box_is_accounted_for(paths: Paths, rules: Crop) -> None:
    one_of_each_fault(paths)
    stage.run(paths, crop=rules)
    crops, table = written(paths)
    rows = [
        (Path(row.file).name, row.object, row.crop, row.reason)
        for row in table.astype(object).where(table.notna(), None).itertuples()
    ]
    assert rows == [
        ("broken_xml.png", None, None, "broken annotation"),
        ("good.png", 0, 0, ""),
        ("good.png", 1, 1, ""),
        ("no_annotation.png", None, 2, ""),
        ("no_box.png", None, 3, ""),
        ("other_size.png", 0, None, "annotated size is another shape"),
        ("text.png", 0, None, "unreadable photo: not an image"),
        ("text.png", 1, None, "unreadable photo: not an image"),
        ("truncated.png", 0, None, "unreadable photo: truncated"),
        ("two.jpg", 0, None, "empty box"),
        ("two.jpg", 1, None, "broken box"),
        ("two.jpg", 2, None, "box outside its photo"),
        ("two.jpg", 3, None, "box too small"),
        ("two.jpg", 4, None, "aspect out of range"),
        ("two.jpg", 5, 4, ""),
        ("two.png", None, None, "second photo of an annotation"),
        ("no_photo", 0, None, "no photo"),
        ("no_photo", 1, None, "no photo"),
    ]
    assert set(table["class"]) == {"pug"}
    assert crops.shape == (5, 32, 32, 3) and crops.dtype == np.uint8
    for row in table[table["crop"].notna()].itertuples():
        box = (0, 0, 100, 80) if pd.isna(row.xmin) else (row.xmin, row.ymin, row.xmax, row.ymax)
        truth = Image.fromarray(photo()).crop(tuple(map(int, box)))
        truth = truth.resize((32, 32), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(crops[row.crop], np.asarray(truth))


def test_the_summary_counts_by_reason(
    paths: Paths, rules: Crop, capsys: pytest.CaptureFixture[str]
) -> None:
    one_of_each_fault(paths)
    stage.run(paths, crop=rules)
    said = capsys.readouterr().out
    assert (
        "9 photos of 1 classes; 8 annotations, 1 of them without a photo; 14 boxes, 12 of them "
        "on a photo" in said
    )
    assert "5 crops in " in said and "13 rows without one: 2 unreadable photo: not an image" in said


def test_too_many_faults_stop_the_run_and_leave_the_index_to_look_at(
    paths: Paths, rules: Crop
) -> None:
    """11 of the 18 rows are faults; two more are dropped because a parameter says so."""
    one_of_each_fault(paths)
    enough = rules.model_copy(update={"max_bad_share": 11 / 18})
    stage.run(paths, crop=enough)
    assert (
        left(paths) == {"crops.npy", "index.csv", "held_out.npz"}
        and not paths.refused_index.exists()
    )
    before = paths.crops.read_bytes(), paths.index.read_bytes()

    less = rules.model_copy(update={"max_bad_share": 10.9 / 18})
    with pytest.raises(InputError, match=r"11 of 18 .* crop\.max_bad_share .* 2 no photo") as error:
        stage.run(paths, crop=less)
    assert str(paths.refused_index) in str(error.value)
    assert (index.read(paths.refused_index)["reason"] != "").sum() == 13
    assert left(paths) == {"crops.npy", "index.csv", "held_out.npz"}
    assert (paths.crops.read_bytes(), paths.index.read_bytes()) == before


def test_annotations_that_became_zeros_are_never_whole_photos(paths: Paths, rules: Crop) -> None:
    one_of_each_fault(paths)
    stage.run(paths, crop=rules)
    before = paths.crops.read_bytes(), paths.index.read_bytes()
    damaged = paths.raw / "annotation.tar"
    damaged.write_bytes(bytes(damaged.stat().st_size))
    with pytest.raises(ArchiveDamaged, match=r"annotation\.tar: only zeros"):
        stage.run(paths, crop=rules)
    assert (paths.crops.read_bytes(), paths.index.read_bytes()) == before


@pytest.mark.parametrize(("name", "bit"), [("images.tar", 0x80), ("annotation.tar", 0x08)])
def test_archives_other_than_the_download_stage_made_are_refused(
    paths: Paths, rules: Crop, name: str, bit: int
) -> None:
    """A tar has no checksum of its members' bytes: one bit of a photo's pixel, or of an edge."""
    write(
        paths.raw,
        [("Images/pug/a.bmp", encode(photo(), "BMP"))],
        [("Annotation/pug/a", voc((1, 1, 90, 80)))],
    )
    checksums.write(paths.raw, ["images.tar", "annotation.tar"])
    stage.run(paths, crop=rules)
    before = paths.crops.read_bytes(), paths.index.read_bytes()
    content = bytearray((paths.raw / name).read_bytes())
    is_note = name == "annotation.tar"
    place = content.index(b"0</xmax>") if is_note else len(content.rstrip(b"\0")) // 2
    content[place] ^= bit
    (paths.raw / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}: damaged, .*run the download stage again, or"):
        stage.run(paths, crop=rules)
    assert (paths.crops.read_bytes(), paths.index.read_bytes()) == before
    # The twin: without a listing the change is not seen, and makes other crops.
    (paths.raw / checksums.LISTING).unlink()
    stage.run(paths, crop=rules)
    assert (paths.crops.read_bytes(), paths.index.read_bytes()) != before


def test_photos_without_an_annotation_are_said(
    paths: Paths, rules: Crop, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [(f"Images/pug/{name}.png", PICTURE) for name in ("a", "b", "c")]
    write(paths.raw, images, [("Annotation/pug/b", voc((1, 1, 40, 40)))])
    stage.run(paths, crop=rules)
    assert "2 photos have no annotation, the first is Images/pug/a.png\n" in capsys.readouterr().out
    write(paths.raw, images)
    stage.run(paths, crop=rules)
    assert "no annotation" not in capsys.readouterr().out


def test_after_a_refused_run_dvc_checkout_brings_the_files_back(
    repository: Path, tmp_path: Path
) -> None:
    """DVC deletes a stage's outputs before it runs it: docs/dvc.md says what to do."""
    clone = checkout.copy(repository, tmp_path / "clone")
    checkout.set_params(clone, checkout.TINY)
    checkout.run(clone, "dvc", "repro", "crop")
    before = {name: (clone / name).read_bytes() for name in ("data/crops.npy", "data/index.csv")}
    checkout.set_params(clone, {"crop.min_side_px": 5000})
    refused = checkout.run(clone, "dvc", "repro", "crop", check=False)
    assert refused.returncode != 0 and "boxes and photos gave a crop" in refused.stdout
    assert not any((clone / name).exists() for name in before)
    assert (clone / ".ckpt/crop/index.csv").is_file()
    checkout.run(clone, "dvc", "checkout", "crop")
    assert {name: (clone / name).read_bytes() for name in before} == before


def test_nothing_is_written_where_nothing_is_left(paths: Paths, rules: Crop) -> None:
    write(paths.raw, [("Images/pug/1.png", PICTURE)], [("Annotation/pug/1", voc((1, 1, 9, 9)))])
    with pytest.raises(InputError, match="none of 1 boxes and photos gave a crop: 1 box too small"):
        stage.run(paths, crop=rules)
    assert left(paths) == set()


def test_nothing_is_half_written_at_a_failure(paths: Paths, rules: Crop) -> None:
    """The index cannot be written: its place is taken by a folder."""
    write(paths.raw, [("Images/pug/1.png", PICTURE)])
    paths.index.mkdir()
    with pytest.raises(OSError):
        stage.run(paths, crop=rules)
    assert left(paths) == {"index.csv"}


def test_twice_the_same_bytes(paths: Paths, rules: Crop) -> None:
    one_of_each_fault(paths)
    results = []
    for _ in range(2):
        stage.run(paths, crop=rules)
        results.append((paths.crops.read_bytes(), paths.index.read_bytes()))
    assert results[0] == results[1]


def test_photos_without_annotations_all_whole(paths: Paths, rules: Crop) -> None:
    write(paths.raw, [(f"Images/pug/{n}.png", png(photo(90, 70, seed=n))) for n in range(3)])
    stage.run(paths, crop=rules)
    crops, table = written(paths)
    assert len(crops) == 3 and list(table["crop"]) == [0, 1, 2]
    without = rules.model_copy(update={"whole_photos": False, "max_bad_share": 0.5})
    with pytest.raises(InputError, match=r"3 of 3 .*\.max_bad_share = 0\.5: 3 no annotation"):
        stage.run(paths, crop=without)


@pytest.mark.realdata
def test_stanford_dogs(paths: Paths, repository: Path) -> None:
    """As params.yaml has it; counts from the data set's description."""
    folder = os.environ.get("DOGS_PHOTOS")
    if not folder:
        pytest.skip("set DOGS_PHOTOS to a folder with Stanford Dogs' images.tar and annotation.tar")
    paths.raw.parent.mkdir()
    paths.raw.symlink_to(folder)
    stage.run(paths, crop=params.load(repository / "params.yaml").crop)
    crops, table = written(paths)
    photos = table[table["file"].str.startswith("Images/")]
    notes = table[table["file"].str.startswith("Annotation/")]
    assert photos["file"].nunique() == 20_221 and len(photos) == 21_757
    assert notes["file"].nunique() == 359 and len(notes) == 22_126 - 21_757
    assert set(notes["reason"]) == {"no photo"}
    assert table["class"].nunique() == 120
    assert table["object"].notna().all() and not table.duplicated(["file", "object"]).any()
    kept = table["crop"].dropna()
    assert kept.tolist() == list(range(len(crops)))
    assert ((table["reason"] == "") == table["crop"].notna()).all()
    assert set(table["reason"]) <= {"", "no photo", "box too small", "aspect out of range"}


@pytest.mark.realdata
def test_full_size_originals_against_pillow(paths: Paths, repository: Path) -> None:
    """Each crop against Pillow's own from the whole photo. Reduced decoding filters a
    little otherwise: 0.98 in the mean, 57 at most, at the hardest edges. A box read one pixel
    beside itself would be 5.1 in the mean."""
    folder = os.environ.get("DOGS_ORIGINALS")
    if not folder:
        pytest.skip("set DOGS_ORIGINALS to such a folder with full-size photos")
    paths.raw.parent.mkdir()
    paths.raw.symlink_to(folder)
    section = params.load(repository / "params.yaml").crop
    stage.run(paths, crop=section.model_copy(update={"mode": "stretch", "margin": 0.0}))
    crops, table = written(paths)
    assert table["file"].nunique() == 180 and len(table) == 197
    assert (table["reason"] == "").all()

    def differences(shift: int) -> np.ndarray:
        truth = []
        for row in table.itertuples():
            edges = np.array([row.xmin, row.ymin, row.xmax, row.ymax], int) + shift
            part = image_of[row.file].crop(tuple(edges.tolist()))
            truth.append(np.asarray(part.resize((64, 64), Image.Resampling.BICUBIC)))
        return np.abs(crops.astype(int) - np.stack(truth))

    with open_archive(paths.raw, "images") as archive:
        image_of = {name: decode.rgb(archive.read(name)) for name in archive.names}
    found = differences(shift=0)
    assert found.mean() < 1.2 and found.max() < 80
    assert differences(shift=1).mean() > 4
