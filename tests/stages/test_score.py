"""The reference and score stages: from photos and a zip to numbers, with the shipped network."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.__main__ import main
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.competitions.form import SubmissionFormat
from pipeline.config import schema
from pipeline.data import held_out
from pipeline.data.arrays.raw import LabelledImages
from pipeline.images import arrays
from pipeline.images.shape import ImageShape
from pipeline.scoring import mifid
from pipeline.scoring import reference as real_side
from pipeline.scoring.extractors import embedded
from pipeline.scoring.extractors.inception import Inception
from pipeline.scoring.kid import kid
from pipeline.scoring.reference import RealFeatures
from pipeline.stages import package, reference, score
from pipeline.submission.reader import read_zip
from pipeline.submission.writer import write_zip
from tests import factories
from tests.data.raw import write
from tests.forms import DOGS, MONET
from tests.scoring.extractors import inception_weights

COUNT = 40
HERE = {"device": "cpu", "competition": DOGS.competition}


def scene(seed: int, width: int = 64, height: int = 64) -> Image.Image:
    """A few shapes of random place and colour: images that a network tells apart."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), tuple(map(int, random.integers(0, 256, 3))))
    pen = ImageDraw.Draw(image)
    for _ in range(4):
        x, y, reach = random.integers(0, width), random.integers(0, height), random.integers(5, 30)
        box = (int(x - reach), int(y - reach), int(x + reach), int(y + reach))
        pen.ellipse(box, fill=tuple(map(int, random.integers(0, 256, 3))))
    return image


def settings(**changes: object) -> schema.Reference:
    values = {
        "extractor": "embedded",
        "pictures": "photos",
        "flips": True,
        "parts": False,
        "held_out": 10_000,
        "inception": schema.ReferenceInception(weights="auto", precision="float32"),
    }
    return schema.Reference(**(values | changes))


def scoring(**changes: object) -> schema.Score:
    values = {"epsilon": 1e-15, "threshold": None, "neighbours": 3, "nearest": 6}
    values["classification_accuracy"] = False
    return schema.Score(**(values | changes))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """Photos, their crops, and the reference made of them."""
    paths = Paths(tmp_path_factory.mktemp("real"))
    write(
        paths.raw,
        [(f"Images/n1-dog/{n:03d}.png", factories.png(scene(n, 96, 80))) for n in range(COUNT)],
    )
    crops = [
        np.asarray(scene(n, 96, 80).crop((8, 0, 88, 80)).resize((64, 64))) for n in range(COUNT)
    ]
    np.save(paths.crops, np.stack(crops))
    factories.without_classes(paths, DOGS.shape)
    reference.run(paths, **HERE, reference=settings())
    return paths


def submission(real: Paths, root: Path, images: np.ndarray, form: SubmissionFormat = DOGS) -> Paths:
    """A run of its own with the reference above and a zip of `images`."""
    paths = Paths(root)
    (root / "data").mkdir()
    for file in (real.reference, real.crops):
        (root / "data" / file.name).symlink_to(file)
    factories.without_classes(paths, form.shape)
    write_zip(paths.images_zip, images, form)
    return paths


def unseen(count: int = 30) -> np.ndarray:
    return np.stack([np.asarray(scene(1000 + n)) for n in range(count)])


# --- reference ----------------------------------------------------------------------------------


def test_reference_holds_the_squashed_photos(real: Paths) -> None:
    held = real_side.load(real.reference)
    network = embedded.load("cpu")
    squashed = np.stack(
        [
            np.asarray(scene(n, 96, 80).resize((64, 64), Image.Resampling.BILINEAR))
            for n in range(COUNT)
        ]
    )
    assert np.array_equal(held.features, network.features(squashed))
    assert held.names[7] == "Images/n1-dog/007.png"
    assert (held.extractor, held.identity) == ("embedded", network.identity)
    np.testing.assert_allclose(held.mean, held.features.mean(0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(
        held.covariance, np.cov(held.features.astype(np.float64), rowvar=False), atol=1e-12
    )


def test_reference_holds_crops_and_mirrored_crops(real: Paths) -> None:
    held = real_side.load(real.reference)
    network, crops = embedded.load("cpu"), np.load(real.crops)
    assert np.array_equal(held.crop_features, network.features(crops))
    mirrored = np.stack([np.fliplr(crop) for crop in crops])
    assert np.array_equal(held.flipped_features, network.features(mirrored))


def test_held_out_images_are_scored_against_the_others(real: Paths) -> None:
    held = real_side.load(real.reference)
    assert held.held_out_images == COUNT // 2
    none = held.features[:0]
    fewer = real_side.held_out_score(held.features, none, held_out=5, device="cpu")
    assert fewer.images == 5
    order = np.random.default_rng(0).permutation(COUNT)
    expected = mifid.memorization_distance(
        generated_features=held.features[np.sort(order[:5])],
        real_features=held.features[np.sort(order[5:])],
    )
    assert fewer.memorization_distance == expected
    with pytest.raises(InputError, match="4 at least"):
        real_side.held_out_score(held.features[:3], none, held_out=5, device="cpu")


def test_the_datas_own_test_set_is_held_out_where_there_is_one(real: Paths, tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    (tmp_path / "data").mkdir()
    paths.crops.symlink_to(real.crops)
    factories.without_classes(paths, DOGS.shape)
    test = LabelledImages(unseen(12), np.zeros(12, np.int64))
    held_out.write(paths.held_out, test, ["dog"])
    network = embedded.load("cpu")
    features, own = network.features(np.load(real.crops)), network.features(test.images)
    for most, rows in ((100, np.arange(12)), (5, np.random.default_rng(0).permutation(12)[:5])):
        asked = settings(pictures="crops", flips=False, held_out=most)
        reference.run(paths, **HERE, reference=asked)
        held, chosen = real_side.load(paths.reference), own[np.sort(rows)]
        assert held.held_out_images == len(rows)
        assert len(held.features) == COUNT  # all of the crops are the real side
        assert held.held_out_fid == mifid.fid(
            generated=mifid.statistics(chosen), real=mifid.statistics(features)
        )
        assert held.held_out_kid == kid(generated_features=chosen, real_features=features)
        assert held.held_out_memorization_distance == mifid.memorization_distance(
            generated_features=chosen, real_features=features
        )


def test_crops_as_the_reference(real: Paths, tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.crops.parent.mkdir()
    np.save(paths.crops, np.repeat(np.repeat(np.load(real.crops), 2, axis=1), 2, axis=2))
    factories.without_classes(paths, ImageShape(128, 3))
    reference.run(
        paths,
        **HERE,
        reference=settings(pictures="crops", flips=False),
    )
    held = real_side.load(paths.reference)
    assert np.array_equal(held.features, held.crop_features)
    assert held.features.shape == (COUNT, 768)  # 128 px crops are shrunk first
    assert held.flipped_features.shape == (0, 768)


def test_same_images_same_reference(real: Paths, tmp_path: Path) -> None:
    held = real_side.load(real.reference)
    real_side.save(tmp_path / "a.npz", held)
    real_side.save(tmp_path / "b.npz", held)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_missing_or_broken_reference_is_one_line(real: Paths, tmp_path: Path) -> None:
    path = tmp_path / "reference.npz"
    with pytest.raises(InputError, match="run the reference stage first"):
        real_side.load(path)
    path.write_bytes(real.reference.read_bytes()[:5000])
    with pytest.raises(InputError, match="run the reference stage again"):
        real_side.load(path)
    np.savez(path, features=np.zeros(3))
    with pytest.raises(InputError, match="run the reference stage again"):
        real_side.load(path)


# --- score --------------------------------------------------------------------------------------


def test_metrics_are_those_of_the_parts(real: Paths, tmp_path: Path) -> None:
    images = unseen()
    images[3] = images[1]
    paths = submission(real, tmp_path, images)
    score.run(paths, **HERE, reference=settings(), score=scoring())
    found = json.loads(paths.metrics.read_text())
    held, network = real_side.load(real.reference), embedded.load("cpu")
    features = network.features(images)
    fid = mifid.fid(generated=mifid.statistics(features), real=mifid.statistics(held.features))
    distance = mifid.memorization_distance(generated_features=features, real_features=held.features)
    assert found["fid"] == pytest.approx(fid, rel=1e-6)
    assert found["kid"] == kid(generated_features=features, real_features=held.features)
    assert found["memorization_distance"] == distance
    assert found["mifid"] == mifid.mifid(
        fid=found["fid"],
        memorization_distance=distance,
        threshold=network.memorization_threshold,
    )
    assert found["images"] == 30
    assert (found["duplicates"], found["duplicates_share"]) == (1, 1 / 30)
    assert (found["extractor"], found["reference"]) == ("embedded", "photos")
    assert found["official"] is False
    assert found["floor_fid"] == held.held_out_fid
    assert found["floor_kid"] == held.held_out_kid
    assert found["floor_memorization_distance"] == held.held_out_memorization_distance
    assert found["floor_images"] == held.held_out_images
    for name in ("precision", "recall", "density", "coverage"):
        assert found[name] >= 0
    assert all(isinstance(value, (str, int, float, bool)) for value in found.values())


def test_copies_of_photos_fire_the_penalty(real: Paths, tmp_path: Path) -> None:
    """Photos copied whole are what Kaggle looks for; crops and mirrored crops pass it unseen, and
    show in distances of their own."""
    crops = np.load(real.crops)
    photos = np.stack(
        [
            np.asarray(scene(n, 96, 80).resize((64, 64), Image.Resampling.BILINEAR))
            for n in range(20)
        ]
    )
    distances = {}
    for name, images in {
        "photos": photos,
        "crops": crops[:20],
        "mirrored": np.ascontiguousarray(crops[:20, :, ::-1]),
    }.items():
        (tmp_path / name).mkdir()
        paths = submission(real, tmp_path / name, images)
        score.run(paths, **HERE, reference=settings(), score=scoring())
        distances[name] = json.loads(paths.metrics.read_text())
    copied = distances["photos"]
    assert copied["memorization_distance"] < 1e-6
    assert copied["memorization_warning"] is True
    assert copied["mifid"] > 1000 * copied["fid"]
    assert distances["crops"]["memorization_distance_crops"] < 1e-6
    assert distances["crops"]["memorization_distance"] > 1e-4
    assert distances["mirrored"]["memorization_distance_flips"] < 1e-6
    assert distances["mirrored"]["memorization_distance_crops"] > 1e-4


def test_nearest_pairs_name_and_show_the_copies(real: Paths, tmp_path: Path) -> None:
    images = unseen()
    crops = np.load(real.crops)
    images[17], images[4] = crops[9], crops[30]
    paths = submission(real, tmp_path, images)
    score.run(paths, **HERE, reference=settings(), score=scoring())
    pairs = json.loads(paths.neighbours.read_text())["pairs"]
    assert len(pairs) == 6
    assert {(pair["generated"], pair["crop"]) for pair in pairs[:2]} == {(17, 9), (4, 30)}
    assert pairs[0]["name"] in ("00017.png", "00004.png")
    distances = [pair["distance"] for pair in pairs]
    assert distances == sorted(distances)
    with Image.open(paths.nearest) as sheet:
        first = np.asarray(sheet)[8 : 8 + 128, 8 : 8 + 256].astype(int)
    assert np.abs(first[:, :128] - first[:, 128:]).max() == 0  # a copy beside its original


def test_same_zip_same_metrics(real: Paths, tmp_path: Path) -> None:
    paths = submission(real, tmp_path, unseen())
    score.run(paths, **HERE, reference=settings(), score=scoring())
    first = [path.read_bytes() for path in (paths.metrics, paths.nearest, paths.neighbours)]
    score.run(paths, **HERE, reference=settings(), score=scoring())
    assert first == [path.read_bytes() for path in (paths.metrics, paths.nearest, paths.neighbours)]


def test_threshold_can_be_given(real: Paths, tmp_path: Path) -> None:
    paths = submission(real, tmp_path, unseen())
    score.run(
        paths,
        **HERE,
        reference=settings(),
        score=scoring(threshold=1.0),
    )
    found = json.loads(paths.metrics.read_text())
    assert found["mifid"] == pytest.approx(found["fid"] / found["memorization_distance"])


def test_any_zip_or_folder_is_scored_alike(
    real: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = submission(real, tmp_path, unseen())
    score.run(paths, **HERE, reference=settings(), score=scoring())
    expected = json.loads(paths.metrics.read_text())
    folder = tmp_path / "pngs"
    folder.mkdir()
    for number, image in enumerate(unseen()):
        Image.fromarray(image).save(folder / f"{number:05d}.png")
    before = sorted(tmp_path.rglob("*"))
    for images in (paths.images_zip, folder):
        capsys.readouterr()
        score.score_images(
            paths,
            images,
            **HERE,
            reference=settings(),
            score=scoring(),
        )
        assert json.loads(capsys.readouterr().out) == expected
    assert sorted(tmp_path.rglob("*")) == before


def test_another_networks_reference_is_refused(real: Paths, tmp_path: Path) -> None:
    paths = submission(real, tmp_path, unseen())
    with pytest.raises(InputError, match="run the reference stage again"):
        score.run(
            paths,
            **HERE,
            reference=settings(pictures="crops"),
            score=scoring(),
        )
    held = real_side.load(real.reference)
    paths.reference.unlink()
    for changes in (
        {"identity": "0" * 64},
        {"precision": "bfloat16"},
        {"extractor": "inception"},
    ):
        real_side.save(paths.reference, RealFeatures(**{**vars(held), **changes}))
        with pytest.raises(InputError, match="run the reference stage again"):
            score.run(
                paths,
                **HERE,
                reference=settings(),
                score=scoring(),
            )
    assert not paths.metrics.exists()


def test_crops_that_changed_after_the_reference(real: Paths, tmp_path: Path) -> None:
    paths = submission(real, tmp_path, unseen())
    paths.crops.unlink()
    with pytest.raises(InputError, match=r"crops.npy: not there; run the crop stage first"):
        score.run(paths, **HERE, reference=settings(), score=scoring())
    np.save(paths.crops, np.load(real.crops)[:1])
    with pytest.raises(InputError, match="run the reference stage again"):
        score.run(paths, **HERE, reference=settings(), score=scoring())
    assert not paths.metrics.exists()


def test_too_few_images(real: Paths, tmp_path: Path) -> None:
    paths = submission(real, tmp_path, unseen(3))
    with pytest.raises(InputError, match="3 images are too few"):
        score.run(paths, **HERE, reference=settings(), score=scoring())
    assert not paths.metrics.exists()
    assert not paths.nearest.exists()


# --- copies -------------------------------------------------------------------------------------


@pytest.fixture
def copies(real: Paths, tmp_path: Path) -> Paths:
    """A run whose samples are the training crops themselves, in another order, scored against
    these crops."""
    crops = np.load(real.crops)
    paths = submission(real, tmp_path, np.random.default_rng(0).permutation(crops))
    paths.reference.unlink()
    reference.run(paths, **HERE, reference=settings(pictures="crops"))
    return paths


@pytest.mark.parametrize("epsilon", [1e-15, 0.0])
def test_a_perfect_copy_in_another_order_is_at_distance_0(copies: Paths, epsilon: float) -> None:
    asked = settings(pictures="crops")
    score.run(
        copies,
        **HERE,
        reference=asked,
        score=scoring(epsilon=epsilon),
    )
    found = json.loads(copies.metrics.read_text())
    assert (found["fid"], found["mifid"]) == (0, 0)
    assert found["memorization_warning"] is True


def test_some_copies_with_epsilon_0(copies: Paths) -> None:
    """Half of the crops copied: FID is above 0. d is 0, or one rounding error above it."""
    write_zip(copies.images_zip, np.load(copies.crops)[: COUNT // 2], DOGS)
    held = real_side.load(copies.reference)
    asked, without = settings(pictures="crops"), scoring(epsilon=0.0)
    exact = np.zeros_like(held.features)
    exact[np.arange(COUNT), np.arange(COUNT)] = 1  # so that each cosine is exactly 1
    network = embedded.Embedded
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "features", lambda _self, images: exact[: len(images)])
        reference.run(copies, **HERE, reference=asked)
        with pytest.raises(InputError, match=r"score\.epsilon = 0"):
            score.run(copies, **HERE, reference=asked, score=without)
    assert not copies.metrics.exists()


# --- any side, one channel or three -------------------------------------------------------------


def generated_run(root: Path, images: np.ndarray, crops: np.ndarray) -> Paths:
    """A run from generated images to their score, with these crops as the real side."""
    paths = Paths(root)
    for path, array in ((paths.generated, images), (paths.crops, crops)):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array)
    factories.without_classes(paths, arrays.shape_of(crops, "crops"))
    package.run(paths, competition=DOGS.competition)
    reference.run(paths, **HERE, reference=settings(pictures="crops"))
    score.run(
        paths,
        **HERE,
        reference=settings(pictures="crops"),
        score=scoring(),
    )
    return paths


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side_px", [16, 32, 128])
def test_any_shape_passes_from_the_generator_to_the_score(
    tmp_path: Path, side_px: int, channels: int
) -> None:
    shape = ImageShape(side_px, channels)
    crops = arrays.conform(np.stack([np.asarray(scene(n)) for n in range(30)]), shape)
    samples = arrays.conform(unseen(20), shape)
    samples[7] = crops[3]
    paths = generated_run(tmp_path / "run", samples, crops)
    zipped = read_zip(paths.images_zip, DOGS).images
    assert np.array_equal(zipped, arrays.conform(samples, DOGS.shape))
    metrics = json.loads(paths.metrics.read_text())
    assert (metrics["images"], metrics["reference_images"]) == (20, 30)
    assert metrics["fid"] > 0 and metrics["memorization_distance"] > 0
    closest = json.loads(paths.neighbours.read_text())["pairs"][0]
    assert (closest["generated"], closest["crop"]) == (7, 3)
    assert closest["distance"] < 1e-6
    # The copy and its original look the same, enlarged from 64 px and from the crop's own side.
    with Image.open(paths.nearest) as sheet:
        assert sheet.mode == "RGB"
        first = np.asarray(sheet)[8 : 8 + 128, 8 : 8 + 256].astype(int)
    assert np.abs(first[:, :128] - first[:, 128:]).mean() < 10
    if channels == 1:
        colour = generated_run(tmp_path / "rgb", samples.repeat(3, 3), crops.repeat(3, 3))
        for path in (colour.images_zip, colour.metrics, colour.neighbours, colour.nearest):
            twin = paths.root / path.relative_to(colour.root)
            assert path.read_bytes() == twin.read_bytes(), path.name


# --- Inception's weights, the command line ------------------------------------------------------


def test_wrong_weights_stop_the_stage_and_leave_nothing(real: Paths, tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.crops.parent.mkdir()
    paths.crops.symlink_to(real.crops)
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"cut short")
    inception = schema.ReferenceInception(weights=str(weights), precision="float32")
    asked = settings(extractor="inception", pictures="crops", inception=inception)
    with pytest.raises(InputError, match="not the official weights, or cut short"):
        reference.run(paths, **HERE, reference=asked)
    assert not paths.reference.exists()


def test_command_line(
    real: Paths, tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`score --images` prints JSON and nothing else; a fault is one line and exit code 1."""
    paths = submission(real, tmp_path, unseen())
    command = ["--root", str(tmp_path), "--params", str(repository / "params.yaml"), "score"]
    assert main([*command, "--images", str(paths.images_zip)]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["images"] == 30
    assert not paths.metrics.exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main([*command, "--images", str(empty)]) == 1
    assert capsys.readouterr().err == f"error: {empty}: an empty folder\n"


# --- another competition's side -------------------------------------------------------------------


@pytest.fixture(scope="module")
def paintings(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """Paintings of 256 px, whole, their reference with parts, and a submission of JPEG."""
    paths = Paths(tmp_path_factory.mktemp("paintings"))
    scenes = [scene(number, 256, 256) for number in range(12)]
    write(
        paths.raw,
        [(f"Images/monet/{n:03d}.png", factories.png(one)) for n, one in enumerate(scenes)],
    )
    np.save(paths.crops, np.stack([np.asarray(one) for one in scenes]))
    factories.without_classes(paths, MONET.shape)
    reference.run(paths, **PAINTER, reference=settings(parts=True))
    return paths


PAINTER = {"device": "cpu", "competition": MONET.competition}


def test_the_real_side_has_the_competitions_own(paintings: Paths) -> None:
    held, network = real_side.load(paintings.reference), embedded.load("cpu")
    assert held.side_px == 256
    # Whole paintings of 256 px, squashed to 256 px, are as they were.
    assert np.array_equal(held.features, held.crop_features)
    crops = np.load(paintings.crops)
    # The embedded network takes 64 px: shrunk with antialiasing, as Pillow does.
    small = arrays.conform(crops, ImageShape(64, 3))
    assert np.array_equal(held.features, network.features(small))
    corner = arrays.conform(np.ascontiguousarray(crops[:, :192, :192]), ImageShape(64, 3))
    assert np.array_equal(held.part_features[:12], network.features(corner))
    assert held.part_features.shape == (5 * 12, 768)


def test_paintings_cut_out_are_found_by_the_parts_alone(paintings: Paths, tmp_path: Path) -> None:
    crops = np.load(paintings.crops)
    copies = arrays.conform(np.ascontiguousarray(crops[:, 64:, :192]), MONET.shape)
    paths = submission(paintings, tmp_path, copies, MONET)
    score.run(paths, **PAINTER, reference=settings(parts=True), score=scoring())
    found = json.loads(paths.metrics.read_text())
    # What is left is JPEG's loss, and the enlarging from 192 px to 256.
    assert found["memorization_distance_parts"] < 0.2 * found["memorization_distance"]
    assert found["protocol"] == (
        "gan-getting-started: 256 px, resized to 64 px with antialiasing, against photos, "
        "by embedded"
    )
    assert found["official"] is False


def test_the_dogs_protocol_is_said_and_has_no_parts(real: Paths, tmp_path: Path) -> None:
    paths = submission(real, tmp_path, unseen())
    score.run(paths, **HERE, reference=settings(), score=scoring())
    found = json.loads(paths.metrics.read_text())
    assert found["protocol"] == "generative-dog-images: 64 px, against photos, by embedded"
    assert "memorization_distance_parts" not in found


def test_inception_resizes_from_the_competitions_own_side() -> None:
    state = inception_weights.seeded()
    images = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), np.uint8)
    large = Inception(state, identity="", side_px=256, dimensions=64)
    seen = []
    forward = large._forward
    large._forward = lambda batch: seen.append(tuple(batch.shape)) or forward(batch)
    direct = large.features(images)
    assert seen == [(2, 256, 256, 3)], "nothing shrinks it before the network's own resize"
    through_64 = Inception(state, identity="", side_px=64, dimensions=64).features(images)
    assert np.abs(direct - through_64).max() > 1e-3
