"""The contract of a source, held by each of the registry."""

import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest

from pipeline.common.section import Section
from pipeline.config import content
from pipeline.data.sources.registry import SOURCES, section_name
from tests.data.sources.requests import request

every_source = pytest.mark.parametrize("name", SOURCES)


@every_source
def test_a_source_has_what_the_contract_asks_for(name: str) -> None:
    source = SOURCES[name]
    assert issubclass(source.Parameters, Section)
    assert isinstance(source.IS_OWN_WORK, bool)
    assert list(signature(source.write).parameters) == ["request", "parameters"]


@every_source
def test_params_yaml_has_its_sub_section(name: str, repository: Path) -> None:
    data = content.read(repository / "params.yaml")["data"]
    SOURCES[name].Parameters.model_validate(data[section_name(name)])


def test_photos_have_terms_of_their_own() -> None:
    assert [name for name, source in SOURCES.items() if source.IS_OWN_WORK] == ["drawn", "digits"]


def test_the_schema_reads_the_registry_without_what_the_sources_work_with() -> None:
    code = (
        "import sys, pipeline.data.sources.registry;"
        "heavy = {'torch', 'requests', 'PIL', 'kaggle', 'scipy'} & set(sys.modules);"
        "sys.exit(' '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_path_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    asked = request(tmp_path)
    assert asked.user_path("pictures/dogs") == tmp_path / "pictures" / "dogs"
    assert asked.user_path("/data/dogs") == Path("/data/dogs")
    assert asked.user_path("~/dogs") == Path("/home/anna/dogs")
