"""params.yaml holds the keys of the schema, in its order, each with a comment."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from pipeline.config import content, keys
from pipeline.config.schema import Params


def tree_of_content(values: dict) -> dict:
    """The sections and keys; None stands for any value."""
    return {
        key: tree_of_content(value) if isinstance(value, dict) else None
        for key, value in values.items()
    }


def tree_of_schema(model: type[BaseModel]) -> dict:
    kinds = {name: field.annotation for name, field in model.model_fields.items()}
    return {
        name: tree_of_schema(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        else None
        for name, kind in kinds.items()
    }


def test_params_yaml_and_the_schema_have_the_same_sections_and_keys(repository: Path) -> None:
    shipped = content.read(repository / "params.yaml")
    assert tree_of_content(shipped) == tree_of_schema(Params)
    assert list(shipped) == list(Params.model_fields)


def without_comment(text: str) -> list[str]:
    """The lines with a key that no comment explains: in its own line, or above it and as far to
    the right. A sub-section whose first key has one needs none."""
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines):
        if (key := re.match(r"( *)[a-z_0-9]+:", line)) and "#" not in line:
            above = number > 0 and lines[number - 1].startswith(f"{key[1]}#")
            opens = line.endswith(":") and "#" in "".join(lines[number + 1 : number + 2])
            if not above and not opens:
                found.append(f"line {number + 1}: {line.strip()}")
    return found


def test_every_key_has_a_comment(repository: Path) -> None:
    assert without_comment((repository / "params.yaml").read_text()) == []


def test_a_key_without_a_comment_is_found() -> None:
    text = (
        "train:  # training\n  seed: 1  # of all draws, at\n           # any place\n  images: 5\n"
        "  # Adam's rate\n  lr: 1\n  loss:\n    r1: 0  # off\n    r2: 0\n"
    )
    assert without_comment(text) == ["line 4: images: 5", "line 9: r2: 0"]


def test_the_keys_are_those_of_the_file(repository: Path) -> None:
    shipped = content.flatten(content.read(repository / "params.yaml"))
    assert set(shipped) == set(keys.KEYS)
    assert {"device", "train.adversarial.r1", "data.stanford_dogs.images_mirrors"} <= set(shipped)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("train.adversarial.r1", None),
        ("device", None),
        ("train.r1", "did you mean train.adversarial.r1?"),
        ("model.minibatch_stddev", "did you mean model.dcgan.minibatch_stddev?"),
        ("kaggle.competition", "did you mean competition?"),
        # `precision` stands in two places, `path` and `seed` in more: the one of the section.
        ("reference.precision", "did you mean reference.inception.precision?"),
        ("generate.noise.seed", "did you mean generate.seed?"),
        ("crop.seed", "misspelt?"),
        ("data.drawn_pictures", "did you mean data.drawn.pictures?"),
        ("train.bacth_size", "did you mean train.batch_size?"),
        ("trian.batch_size", "did you mean train.batch_size?"),
        ("kaggle.kernel_params", "misspelt?"),
        ("package.count", "did you mean generate.count?"),
        ("bogus", "misspelt?"),
        ("", "misspelt?"),
        ("data.folder", "a section, not a value; set its keys, such as data.folder.path"),
    ],
)
def test_an_unknown_key_names_the_one_that_was_probably_meant(key: str, words: str | None) -> None:
    fault = keys.fault(key)
    if words is None:
        assert fault is None
    else:
        assert fault is not None
        assert fault.startswith(f"{key}: ") and words in fault
