"""params.yaml as shipped is valid; each kind of mistake is one line with key, value and rule."""

import shutil
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
        (
            {"train.adversarial.real_labels": [1.2, 0.7]},
            ("train.adversarial.real_labels = [1.2, 0.7]", "low <= high"),
        ),
        ({"train.adversarial.lr_d": float("nan")}, ("train.adversarial.lr_d = nan", "finite")),
        ({"kaggle.retry_delay_s": 1e300}, ("kaggle.retry_delay_s = 1e+300", "or equal to 60")),
        ({"kaggle.timeout_s": 1e10}, ("kaggle.timeout_s = 10000000000.0", "or equal to 3600")),
        ({"data.timeout_s": 1e10}, ("data.timeout_s = 10000000000.0", "or equal to 3600")),
        ({"submit.poll_s": 1e10}, ("submit.poll_s = 10000000000.0", "or equal to 3600")),
        ({"crop.side_px": 63}, ("crop.side_px = 63", "16, 32, 64, 128 or 256")),
        ({"crop.aspect_min": 5.0}, ("crop", "aspect_min (5.0) must not exceed aspect_max")),
        ({"data.source": "cats"}, ("data.source = 'cats'", "'drawn'", "'folder'")),
        ({"data.source": "folder"}, ("data.folder.path must name a directory", "'folder'")),
        (
            {"data.stanford_dogs.images_sha256": "abc"},
            ("data.stanford_dogs.images_sha256 = 'abc'",),
        ),
        (
            {"competition": "Dogs!"},
            ("competition = 'Dogs!'", "there are generative-dog-images, gan-"),
        ),
        ({"train.adversarial": 3}, ("train.adversarial: a section",)),
        ({"crop": None}, ("crop: a section, not a value; set its keys, such as crop.side_px",)),
        # Keys of an older layout name where they have gone.
        ({"train.r1": 1.0}, ("train.r1: unknown key (did you mean train.adversarial.r1?)",)),
        ({"model.dropout": 0.5}, ("model.dropout", "did you mean model.mlp.dropout?")),
        # Two families have one: no guess.
        ({"model.channels": 8}, ("model.channels: unknown key (misspelt?)",)),
        ({"data.folder": "/photos"}, ("data.folder: a section", "data.folder.path")),
        ({"train.lr": 1e-4, "bogus": {"a": 1}}, ("bogus: unknown key (misspelt?)",)),
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
    shutil.copytree(repository / "presets", tmp_path / "presets")
    assert params.load(tmp_path / "params.yaml").train.lr == 3e-5


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("params.yaml", "train: [1, 2", "not YAML"),
        ("params.yaml", "", "holds no sections"),
        ("params.yaml", "- 1\n- 2\n", "holds no sections"),
        ("params.yaml", "a: 1\nb: 2\na: 3\n", 'line 3: found duplicate key "a"'),
        ("params.yaml", "a: 2019-13-01\n", "not YAML"),
        ("params.yaml", "a: \0\n", "not YAML"),
        ("params.json", "{", "not JSON"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        params.load(tmp_path / name)
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run from the folder"):
        params.load(tmp_path / "params.yaml")


def test_json_gives_the_same_parameters(tmp_path: Path, repository: Path) -> None:
    loaded = params.load(repository / "params.yaml")
    (tmp_path / "params.json").write_text(loaded.model_dump_json())
    shutil.copytree(repository / "presets", tmp_path / "presets")
    assert params.load(tmp_path / "params.json") == loaded


def test_override_leaves_its_input_alone(shipped: dict) -> None:
    before = shipped["train"]["images"]
    changed = params.override(shipped, {"train.images": before + 1})
    assert (shipped["train"]["images"], changed["train"]["images"]) == (before, before + 1)
    with pytest.raises(InputError, match="no section 'trian'"):
        params.override(shipped, {"trian.images": 1})


def test_a_section_by_itself_is_checked_as_in_the_whole(shipped: dict) -> None:
    train = params.parse_section("train", shipped["train"])
    assert train == params.parse(shipped, where="params.yaml").train
    assert params.parse_section("competition", "cats") == "cats"
    with pytest.raises(InputError, match=r"train\.images = 0: .*greater than or equal to 1"):
        params.parse_section("train", shipped["train"] | {"images": 0})
    with pytest.raises(InputError, match=r"train\.r1: .*train\.adversarial\.r1\?"):
        params.parse_section("train", shipped["train"] | {"r1": 0})


# --- the kernel's preset -----------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, repository: Path) -> Path:
    """A folder with params.yaml, whose kernel takes presets/small.yaml."""
    text = (repository / "params.yaml").read_text()
    assert "preset: kaggle-kernel" in text
    changed = text.replace("preset: kaggle-kernel", "preset: small")
    (tmp_path / "params.yaml").write_text(changed)
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "small.yaml").write_text("# A small kernel.\ntrain.images: 64\n")
    return tmp_path


def test_the_kernels_preset_changes_nothing_here(folder: Path) -> None:
    loaded = params.load(folder / "params.yaml")
    assert loaded.kaggle.preset == "small"
    assert loaded.train.images > 64


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        ("train.lr: 7", ("params.yaml, with presets/small.yaml: train.lr = 7: ", "less than 1")),
        # A preset that is valid by itself, and not beside score_every_images: 0 of params.yaml.
        ("train.keep: best", ("params.yaml, with presets/small.yaml: ", "score_every_images")),
        ("train.r1: 1.0", ("presets/small.yaml: train.r1: unknown key (did you mean",)),
        ("train.lr: 1e-3\ntrain.lr: 2e-3", ("presets/small.yaml: line 2: ", '"train.lr"')),
        ("train.lr: [", ("params.yaml: kaggle.preset: presets/small.yaml: not YAML",)),
        (None, ("kaggle.preset: presets/small.yaml: no such preset; there are other",)),
    ],
)
def test_a_fault_of_the_kernels_preset_is_one_line_before_anything_runs(
    folder: Path, preset: str | None, words: tuple[str, ...]
) -> None:
    text = (folder / "params.yaml").read_text()
    assert "score_every_images: 20000" in text
    off = text.replace("score_every_images: 20000", "score_every_images: 0    ")
    (folder / "params.yaml").write_text(off)
    params.load(folder / "params.yaml")
    path = folder / "presets" / "small.yaml"
    path.write_text(f"{preset}\n") if preset else path.rename(path.with_stem("other"))
    with pytest.raises(InputError) as caught:
        params.load(folder / "params.yaml")
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_kernel_without_a_preset_needs_no_folder_of_presets(folder: Path) -> None:
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("preset: small", "preset: null"))
    shutil.rmtree(folder / "presets")
    assert params.load(folder / "params.yaml").kaggle.preset is None
