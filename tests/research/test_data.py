"""Fingerprints, and the split by breed."""

import numpy as np

from research.distillation import corruptions, families, gans, subjects
from research.distillation.data import LabelledImages, fingerprint


def test_a_fingerprint_tells_contents_shapes_and_texts_apart() -> None:
    zeros = np.zeros((2, 3), np.uint8)
    things = [
        (zeros,), (zeros.T,), (zeros.astype(np.int8),), (zeros + 1,), (zeros, ""), (), ("a", "b"),
        ("ab",), ("a", "b", zeros), (zeros, "a", "b"),
    ]  # fmt: skip
    found = [fingerprint(*each) for each in things]
    assert len(set(found)) == len(things)
    assert fingerprint(np.zeros((2, 3), np.uint8)) == found[0]
    assert fingerprint(np.zeros((3, 2), np.uint8).T) == found[0]  # however it lies


def test_test_breeds_and_kinds_are_not_trained_on() -> None:
    breeds = np.arange(120).repeat(2)
    images = LabelledImages(np.zeros((240, 64, 64, 3), np.uint8), breeds)
    parts = {part: set(images.of(part).breeds) for part in ("training", "validation", "test")}
    assert [len(part) for part in parts.values()] == [96, 8, 16]
    assert len(set.union(*parts.values())) == 120
    assert set(images.of("validation", "test").breeds) == parts["validation"] | parts["test"]
    trained, held_out = (
        {(run.loss, run.upsampling, run.norm) for run in runs.values()}
        for runs in (gans.TRAINING_RUNS, gans.HELD_OUT_RUNS)
    )
    assert not trained & held_out
    trained_kinds = {
        *corruptions.RETOUCHES,
        *corruptions.CORRUPTIONS,
        *corruptions.DEFORMATIONS,
        *corruptions.DISTORTIONS,
    }
    assert not trained_kinds & set(corruptions.UNSEEN_CORRUPTIONS)
    assert not set(subjects.SCENES) & set(subjects.UNSEEN_SCENES)
    own, held_out_own = (
        {(run.changes.get("model.name"), run.changes.get("train.adversarial.loss"),
          run.changes.get("model.resnet.attention")) for run in runs.values()}
        for runs in (families.TRAINING_RUNS, families.HELD_OUT_RUNS)
    )  # fmt: skip
    assert not own & held_out_own
