"""Values of params.yaml change in place; comments, layout and all else stay."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml as yaml_1_1
from ruamel.yaml import YAML

from pipeline.config import content, edit


@pytest.fixture
def copy(tmp_path: Path, repository: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_bytes((repository / "params.yaml").read_bytes())
    return path


def another(value: Any) -> Any:
    """A value that is longer, shorter or of another kind."""
    if isinstance(value, list):
        return [*value, *value, "x"] if value and isinstance(value[0], str) else [0.25]
    return {None: 0.125, True: False, False: True}.get(value, "another, rather long text: # no")


def comments(path: Path) -> list[str]:
    """All comments and empty lines, in their order."""
    return re.findall(r"(?m)#(?! no').*$|^$", path.read_text())


def test_each_value_changes_alone_and_goes_back_to_the_same_bytes(copy: Path) -> None:
    shipped_bytes, shipped = copy.read_bytes(), content.flatten(content.read(copy))
    shipped_comments = comments(copy)
    assert len(shipped_comments) > 100
    for key, value in shipped.items():
        edit.write(copy, {key: another(value)})
        assert content.flatten(content.read(copy)) == shipped | {key: another(value)}, key
        assert comments(copy) == shipped_comments, key
        edit.write(copy, {key: value})
        assert copy.read_bytes() == shipped_bytes, key


def test_all_values_change_at_once_and_go_back_to_the_same_bytes(copy: Path) -> None:
    shipped_bytes, shipped = copy.read_bytes(), content.flatten(content.read(copy))
    changes = {key: another(value) for key, value in shipped.items()}
    edit.write(copy, changes)
    assert content.flatten(content.read(copy)) == changes
    edit.write(copy, shipped)
    assert copy.read_bytes() == shipped_bytes


def test_a_list_at_the_end_of_a_section_keeps_what_follows(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    text = "a:\n  long:\n    - 1  # one\n    - 2  # two\n\n# The next section.\n"
    path.write_text(text + "b:\n  short: [1, 2]\n\nc: 1\n")
    edit.write(path, {"a.long": [7], "b.short": [3]})
    assert path.read_text() == (
        "a:\n  long:\n    - 7  # two\n\n# The next section.\nb:\n  short: [3]\n\nc: 1\n"
    )
    edit.write(path, {"a.long": [7, 8, 9]})
    assert "\n    - 7\n    - 8\n    - 9  # two\n\n# The next" in path.read_text()


def test_what_a_user_wrote_beside_stays(copy: Path) -> None:
    mine = copy.read_text()
    for old, new in {
        "message: DCGAN ": "message: 'DCGAN'  # mine: ",
        "lr: 3.0e-4": "lr: 3e-04 ",
        "count: 10000": "count: 10_000",
        "generate: ": "\n\n# My own heading.\ngenerate:",
    }.items():
        assert old in mine
        mine = mine.replace(old, new, 1)
    copy.write_text(mine)
    edit.write(copy, {"train.seed": 5})
    old = [line for line in mine.splitlines() if "every random draw" not in line]
    new = [line for line in copy.read_text().splitlines() if "every random draw" not in line]
    assert new == old


def test_a_failed_write_leaves_the_file(copy: Path) -> None:
    before = copy.read_bytes()
    with pytest.raises(KeyError):
        edit.write(copy, {"train.seed": 2, "train.bogus.key": 1})
    assert copy.read_bytes() == before
    assert list(copy.parent.iterdir()) == [copy]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.5, "-0.5"),
        (0.03, "0.03"),
        (0.001, "0.001"),
        (3e-4, "3.0e-4"),
        (3e-5, "3.0e-5"),
        (1.25e-7, "1.25e-7"),
        (1e-15, "1.0e-15"),
        (-2e-9, "-2.0e-9"),
        (9.0, "9.0"),
        (1e22, "1.0e+22"),
    ],
)
def test_a_number_is_written_as_the_file_writes_numbers(value: float, text: str) -> None:
    assert edit.float_text(value) == text


def test_every_number_reads_back_as_itself_in_both_versions_of_yaml() -> None:
    draw = random.Random(1)
    for _ in range(2000):
        value = draw.uniform(-10, 10) * 10.0 ** draw.randint(-30, 30)
        text = edit.float_text(value)
        assert float(text) == value
        for read in (YAML(typ="safe", pure=True).load, yaml_1_1.safe_load):
            back = read(text)
            assert isinstance(back, float) and back == value, text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (8, "8"),
        (3e-4, "3.0e-4"),
        ("drawn", "drawn"),
        ([0.9, 1.0], "[0.9, 1.0]"),
        (["a", None], "[a, null]"),
    ],
)
def test_a_value_is_shown_in_one_line(value: Any, text: str) -> None:
    assert edit.shown(value) == text
