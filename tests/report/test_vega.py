"""The page that DVC fills."""

from pathlib import Path

from pipeline.report import vega


def test_the_page_holds_vega_and_dvcs_places_once(tmp_path: Path) -> None:
    vega.write_plots_page(tmp_path / ".dvc" / "plots-page.html")
    page = (tmp_path / ".dvc" / "plots-page.html").read_text(encoding="utf-8")
    assert page.count("{plot_divs}") == 1 and page.count("{refresh_tag}") == 1
    assert "{scripts}" not in page  # there DVC would put its links to a server
    assert "window.vegaEmbed=" in page
    assert page.count("</script") == page.count("<script") == 1


def test_the_same_package_gives_the_same_page(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        vega.write_plots_page(tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
