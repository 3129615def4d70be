"""Presets: each of the repository is valid, `default` is params.yaml, broken ones are one line."""

from pathlib import Path

import pytest

from pipeline.common.errors import InputError
from pipeline.config import content, params, presets
from tests.config import default_preset
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "presets"


@pytest.mark.parametrize("name", presets.names(FOLDER))
def test_each_preset_is_valid_here_and_in_a_kernel_and_says_what_it_is_for(name: str) -> None:
    preset = presets.read(FOLDER, name)
    defaults = presets.read(FOLDER, "default").values
    params.check(content.nest(defaults | preset.values), where=name, folder=FOLDER)
    params.check(content.nest(defaults | {"kaggle.preset": name}), where=name, folder=FOLDER)
    assert preset.file == f"presets/{name}.yaml"
    assert preset.sentence.endswith(".") and len(preset.sentence) > 20
    if name != "default":
        same = [key for key, value in preset.values.items() if repr(defaults[key]) == repr(value)]
        assert same == [], "a preset holds what differs from the defaults"


def test_the_preset_default_is_the_shipped_params_yaml() -> None:
    assert (FOLDER / "default.yaml").read_text() == default_preset.text(), (
        "`python -m tests.config.default_preset` writes it from params.yaml"
    )
    default = presets.read(FOLDER, "default")
    shipped = content.read(REPOSITORY / "params.yaml")
    # As text, since 1 == 1.0 == True.
    assert repr(content.nest(default.values)) == repr(shipped)


def write(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "presets"
    folder.mkdir(exist_ok=True)
    (folder / "mine.yaml").write_text(text)
    return folder


def test_a_preset_is_a_sentence_and_values_by_dotted_keys(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        "# Two lines\n#   make one sentence.\ntrain.lr: 3e-5\n# Not this one.\n"
        "train.adversarial.real_labels: [0.9, 1.0]\nkaggle.username: null\n",
    )
    (folder / "notes.txt").write_text("no preset")
    preset = presets.read(folder, "mine")
    assert preset.file == "presets/mine.yaml"
    assert preset.sentence == "Two lines make one sentence."
    assert preset.values == {
        "train.lr": 3e-5,
        "train.adversarial.real_labels": [0.9, 1.0],
        "kaggle.username": None,
    }
    assert presets.names(folder) == ["mine"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train.lr: [1, 2\n", ("not YAML",)),
        ("# Only a sentence.\n", ("holds no lines of `section.key: value`",)),
        ("- train.lr: 1\n", ("holds no lines of `section.key: value`",)),
        ("train.lr: 1e-3\nmodel.name: dcgan\ntrain.lr: 1e-3\n", ("line 3", 'key "train.lr"')),
        ("train: {lr: 1e-3}\n", ("train: a section, not a value",)),
        ("train.lrr: 1e-3\nbogus: 2\n", ("did you mean train.lr?", "bogus: unknown key")),
        ("1: 2\n", ("1: unknown key",)),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), ("holds no lines",)),
    ],
)
def test_a_broken_preset_is_one_line_that_names_it(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    folder = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        presets.read(folder, "mine")
    message = str(caught.value)
    assert message.startswith("presets/mine.yaml: ")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_an_unknown_preset_names_the_known_ones(tmp_path: Path) -> None:
    folder = write(tmp_path, "# Mine.\ntrain.seed: 2\n")
    (folder / "other.yaml").write_text("# Other.\ntrain.seed: 3\n")
    for name in ("nope", "../mine", "presets/mine", "mine.yaml", ""):
        with pytest.raises(InputError, match=r"no such preset; there are mine, other$"):
            presets.read(folder, name)
    with pytest.raises(InputError, match=r"no such preset; there are none in .*nowhere$"):
        presets.read(tmp_path / "nowhere", "mine")


def test_flat_and_nested_content_say_the_same() -> None:
    nested = {
        "device": "cpu",
        "data": {"drawn": {"seed": 1}, "retries": [1, 2]},
        "train": {"lr": 1},
    }
    flat = {"device": "cpu", "data.drawn.seed": 1, "data.retries": [1, 2], "train.lr": 1}
    assert content.flatten(nested) == flat
    assert content.nest(flat) == nested
