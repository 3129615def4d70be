"""Stage `report`: write one page about the run, which opens anywhere, offline."""

from typing import TYPE_CHECKING, Any

from pipeline.common import files, progress
from pipeline.common.paths import Paths
from pipeline.data.sources.registry import SOURCES
from pipeline.report.page import render
from pipeline.report.run import read_run

if TYPE_CHECKING:
    from pipeline.config.schema import Data, Report, Section

# All of them: the page shows every parameter.
SECTIONS = (
    "device",
    "competition",
    "data",
    "crop",
    "classifier",
    "reference",
    "model",
    "train",
    "generate",
    "score",
    "kaggle",
    "submit",
    "report",
)


def run(paths: Paths, *, data: "Data", report: "Report", **others: "Section | str") -> None:
    """Write `paths.report`. Crops appear only where the photos are drawn by this project or the
    user says so: other photos have terms of their own."""
    progress.heading("report", "the files of the run -> outputs/report.html")
    sections: dict[str, Any] = {"data": data, "report": report, **others}
    parameters = {
        name: section if isinstance(section, str) else section.model_dump()
        for name, section in sections.items()
    }
    ordered = {name: parameters[name] for name in SECTIONS}
    found = read_run(paths)
    for item in found.missing:
        progress.say(f"missing: {item.file} {item.why} (stage {item.stage})")
    page = render(found, ordered, show_real=report.show_photos or SOURCES[data.source].IS_OWN_WORK)
    files.write_text(paths.report, page)
    progress.say(f"{paths.report.relative_to(paths.root)}: {len(page.encode()) / 1e6:.1f} MB")
