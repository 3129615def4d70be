"""The certificate with a classifier whose answers are known, and the motions by hand."""

import numpy as np
import pytest

from pipeline.sudoku.digits import certificate


class _Compass:
    """Tells where the bright spot of an image is: class 1 right of the middle, 0 left of it, the
    surer the farther; `calls` holds how many images each call had."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        self.calls.append(len(images))
        light = images[..., 0].astype(float).sum(1) + 1e-9
        place = (light * np.arange(images.shape[2])).sum(1) / light.sum(1)
        right = 1 / (1 + np.exp(-(place - 15.5)))
        return np.stack([1 - right, right], 1).astype(np.float32)


def spots(*columns: int, row: int = 16) -> np.ndarray:
    images = np.zeros((len(columns), 32, 32, 1), np.uint8)
    for number, column in enumerate(columns):
        images[number, row, column] = 255
    return images


@pytest.mark.parametrize(
    ("motion", "place"),
    [
        ((2 / 16, 0, 0), (10, 22)),
        ((-2 / 16, 0, 0), (10, 18)),
        ((0, 2 / 16, 0), (12, 20)),
        ((0, -2 / 16, 0), (8, 20)),
        # (10, 20) is 5.5 above and 4.5 right of the middle; a quarter turn brings it 5.5 right of
        # it and 4.5 below.
        ((0, 0, 90), (20, 21)),
        ((0, 0, -90), (11, 10)),
    ],
)
def test_motions_go_where_they_say(
    motion: tuple[float, float, float], place: tuple[int, int]
) -> None:
    moved = certificate.moved(spots(20, row=10), motion)
    assert moved.dtype == np.uint8 and moved.shape == (1, 32, 32, 1)
    assert np.unravel_index(moved[0, ..., 0].argmax(), (32, 32)) == place
    assert moved.max() > 200


def test_a_motion_repeats_the_edge() -> None:
    white = np.full((1, 32, 32, 1), 255, np.uint8)
    assert (certificate.moved(white, (0.5, 0.5, 45)) == 255).all()


def test_the_confidence_is_the_least_of_all_motions() -> None:
    """A spot at column 20 is 4.5 px right of the middle; moved left by 2 px, it is 2.5 px."""
    classes, confidence = certificate.read(spots(20, 22), _Compass())
    assert classes.tolist() == [1, 1]
    wanted = 1 / (1 + np.exp(-np.array([2.5, 4.5])))
    np.testing.assert_allclose(confidence, wanted, atol=1e-3)


def test_a_class_that_a_motion_changes_has_little_confidence() -> None:
    """Sure enough as it is, on the other side of the middle when moved."""

    class _Sharp(_Compass):
        def probabilities(self, images: np.ndarray) -> np.ndarray:
            soft = super().probabilities(images)
            return np.where(soft > 0.5, 0.99, 0.01).astype(np.float32)

    classes, confidence = certificate.read(spots(17, 3), _Sharp())
    assert classes.tolist() == [1, 0]
    np.testing.assert_allclose(confidence, [0.01, 0.99])


def test_what_is_doubtful_is_read_once() -> None:
    classifier = _Compass()
    certificate.read(spots(16, 25), classifier)
    assert classifier.calls == [2, 1, 1, 1, 1, 1, 1, 1]


def test_what_ink_hides_is_not_certified() -> None:
    """A ring so faint that it is seen in the sample and not in its ink: an 8 that is shown as a
    line, say."""

    class _Ring:
        def probabilities(self, images: np.ndarray) -> np.ndarray:
            has_ring = images[:, 16, 24, 0] > 40
            return np.where(has_ring[:, None], [0.02, 0.98], [0.98, 0.02]).astype(np.float32)

    faint = np.full((1, 32, 32, 1), 80, np.uint8)
    classes, confidence = certificate.read(faint, _Ring())
    assert classes.tolist() == [1] and confidence[0] == np.float32(0.02)
    assert certificate.read(faint + 150, _Ring())[1][0] == np.float32(0.98)
