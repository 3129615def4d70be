"""`plots-page` writes where .dvc/config looks."""

import configparser
from pathlib import Path

from pipeline.__main__ import main
from tests.conftest import REPOSITORY


def test_it_writes_the_page_that_dvcs_configuration_names(tmp_path: Path) -> None:
    assert main(["--root", str(tmp_path), "plots-page"]) == 0
    config = configparser.ConfigParser()
    config.read_string("\n".join(line.strip() for line in (REPOSITORY / ".dvc" / "config").open()))
    named = tmp_path / ".dvc" / config["plots"]["html_template"]
    assert "{plot_divs}" in named.read_text(encoding="utf-8")
