"""The stage: which sections it shows, when crops appear, what it says is missing."""

from pathlib import Path

import pytest

from pipeline.common import npy
from pipeline.common.paths import Paths
from pipeline.config import params
from pipeline.stages import report
from tests import factories


def run(paths: Paths, **changes: object) -> str:
    settings = factories.parameters(changes)
    report.run(paths, **{name: getattr(settings, name) for name in report.SECTIONS})
    return paths.report.read_text(encoding="utf-8")


def test_it_reads_every_section_because_it_shows_every_parameter() -> None:
    assert tuple(params.Params.model_fields) == report.SECTIONS


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"data.source": "drawn"}, True),
        ({"data.source": "stanford-dogs"}, False),
        ({"data.source": "folder", "data.folder.path": "x"}, False),
        ({"data.source": "kaggle", "report.show_photos": True}, True),
    ],
)
def test_photos_appear_only_where_the_user_says_so(
    tmp_path: Path, changes: dict, shown: bool
) -> None:
    paths = Paths(tmp_path)
    npy.write(paths.crops, factories.images(4))
    html = run(paths, **changes)
    assert ("crops of the training set" in html) is shown


def test_an_empty_run_gives_a_page_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    html = run(Paths(tmp_path))
    assert "Parts of this run are missing" in html
    said = capsys.readouterr().out
    assert "missing: outputs/metrics.json is not there (stage score)" in said
    assert said.startswith("== report: ")
