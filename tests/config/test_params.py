"""params.yaml as shipped is valid; each kind of mistake is one line with key, value and rule."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.common.errors import InputError
from pipeline.config import params


@pytest.fixture
def shipped(repository: Path) -> dict[str, Any]:
    return params.read(repository / "params.yaml")


def test_the_shipped_file_is_valid_and_frozen(repository: Path) -> None:
    loaded = params.load(repository / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        loaded.train.seed = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train.batch_size": 0}, ("train.batch_size = 0", "greater than or equal to 2")),
        ({"train.lrg": 1e-4}, ("train.lrg", "unknown key")),
        ({"bogus": 1}, ("bogus", "unknown key")),
        ({"train.lr": "fast"}, ("train.lr = 'fast'", "number")),
        ({"train.images": "12"}, ("train.images = '12'", "integer")),
        ({"train.flips": "yes"}, ("train.flips = 'yes'", "boolean")),
        ({"train.real_labels": [1.2, 0.7]}, ("train.real_labels = [1.2, 0.7]", "low <= high")),
        ({"train.lr_d": float("nan")}, ("train.lr_d = nan", "finite")),
        ({"crop.side_px": 63}, ("crop.side_px = 63", "32, 64 or 128")),
        ({"crop.aspect_min": 5.0}, ("crop", "aspect_min (5.0) must not exceed aspect_max")),
        ({"data.source": "cats"}, ("data.source = 'cats'", "'drawn'", "'folder'")),
        ({"data.source": "folder"}, ("data", "folder must name a directory")),
        ({"data.images_sha256": "abc"}, ("data.images_sha256 = 'abc'",)),
        ({"generate.count": 5}, ("package.count (10000)", "generate.count (5)")),
        (
            {"data.source": "kaggle", "kaggle.competition": "cats"},
            ("data.kaggle_competition (generative-dog-images)", "kaggle.competition (cats)"),
        ),
        ({"device": "tpu"}, ("device = 'tpu'", "'cuda'")),
    ],
)
def test_a_mistake_is_one_line(shipped: dict, change: dict, words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        params.parse(params.override(shipped, change), where="params.yaml")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("params.yaml: ")
    for word in words:
        assert word in message


def test_a_missing_section_and_a_missing_key_are_named(shipped: dict) -> None:
    del shipped["crop"]
    del shipped["train"]["images"]
    with pytest.raises(InputError, match=r"crop: missing.*train\.images: missing"):
        params.parse(shipped, where="params.yaml")


def test_numbers_as_dvc_writes_them(tmp_path: Path, repository: Path) -> None:
    # `dvc exp run -S train.lr=3e-5` writes 3e-05, a string to YAML 1.1 and a float to YAML 1.2.
    text = (repository / "params.yaml").read_text()
    assert "lr: 3.0e-4" in text
    (tmp_path / "params.yaml").write_text(text.replace("lr: 3.0e-4", "lr: 3e-05"))
    assert params.load(tmp_path / "params.yaml").train.lr == 3e-5


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("params.yaml", "train: [1, 2", "not YAML"),
        ("params.yaml", "", "holds no sections"),
        ("params.yaml", "- 1\n- 2\n", "holds no sections"),
        ("params.json", "{", "not JSON"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        params.load(tmp_path / name)
    assert name in str(caught.value)


def test_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run from the folder"):
        params.load(tmp_path / "params.yaml")


def test_json_gives_the_same_parameters(tmp_path: Path, repository: Path) -> None:
    loaded = params.load(repository / "params.yaml")
    (tmp_path / "params.json").write_text(loaded.model_dump_json())
    assert params.load(tmp_path / "params.json") == loaded


def test_override_leaves_its_input_alone(shipped: dict) -> None:
    before = shipped["train"]["images"]
    changed = params.override(shipped, {"train.images": before + 1})
    assert (shipped["train"]["images"], changed["train"]["images"]) == (before, before + 1)
    with pytest.raises(InputError, match="no section 'trian'"):
        params.override(shipped, {"trian.images": 1})
