"""README and docs/ say what is so: commands, parameters, paths and links are checked.

Every command of an `sh` or `console` block is checked by the program that it calls (CHECKS), or
the block is marked as needing what a test does not have: `<!-- needs: a GPU -->` above it.
"""

import argparse
import ast
import importlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ruamel.yaml import YAML

from pipeline import __main__ as command_line
from pipeline.commands import summary
from pipeline.common import files
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.config import params
from pipeline.report.run import read_run
from tests import documents
from tests.conftest import REPOSITORY

NEEDS = {
    "an account",
    "a GPU",
    "a GPU, Stanford Dogs and Inception's weights",
    "a cluster",
    "a network",
    "a remote",
    "Stanford Dogs and Inception's weights",
    "the data sets and Inception's weights",
}
PLACEHOLDERS = {
    "section.key=value": "train.lr=1e-3",
    "STAGE": "train",
    "NAME": "photos-cpu",
    "TASK": "1",
}
# Files that commands write: git does not have them.
WRITTEN = {"kernels/dcgan", "kernels/submissions.jsonl"}
FOLDERS = ("pipeline", "tests", "benchmarks", "docs", "presets", "kernels", "research")
FILE_SUFFIXES = {".json", ".yaml", ".py", ".md", ".html", ".csv", ".npz", ".npy", ".pt", ".png"}


class Parsed(Exception):
    """Raised in place of what a program does once its arguments are accepted."""


def parse_only(run: Callable[[], object]) -> list[str]:
    """Run a program up to its parsed arguments; return what is wrong with them."""
    parse = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, *arguments: Any) -> None:
        raise Parsed(parse(self, *arguments))

    with mock.patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            run()
        except Parsed:
            return []
        except SystemExit:
            return ["its arguments are not accepted"]
    return ["it parses no arguments"]


def defaults() -> dict[str, Any]:
    return params.read(REPOSITORY / "params.yaml")


def check_changes(changes: Mapping[str, Any]) -> list[str]:
    """Return what the schema of params.yaml says against these values by dotted keys."""
    try:
        params.parse(params.override(defaults(), changes), where="docs")
    except InputError as error:
        return [str(error)]
    return []


def check_settings(settings: list[str], *, sweep: bool = False) -> list[str]:
    """Check `section.key=value` as DVC and `use` take it; in a sweep, commas are between values."""
    faults = []
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            faults.append(f"{setting}: no value")
            continue
        for value in re.split(r",(?![^\[]*\])", text) if sweep else [text]:
            # A source that needs a path is chosen together with it, elsewhere in the command.
            others = {"data.folder.path": "pictures"} if key == "data.source" else {}
            faults += check_changes(others | {key: YAML(typ="safe").load(value)})
    return faults


def check_make(words: tuple[str, ...]) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    done = subprocess.run(
        ["make", "-n", *words[1:]],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
    )
    presets = [word.partition("=")[2] for word in words if word.startswith("PRESET=")]
    faults = [f"there is no preset {name}" for name in presets if not is_preset(name)]
    return faults + ([done.stderr] if done.returncode else [])


def is_preset(name: str) -> bool:
    return (REPOSITORY / "presets" / f"{name}.yaml").is_file()


def check_pipeline(words: tuple[str, ...]) -> list[str]:
    if words[3:4] == ("use",):
        return run_use(words[3:])
    return parse_only(lambda: command_line.main(list(words[3:])))


def run_use(words: tuple[str, ...]) -> list[str]:
    """Run `use` on a copy of params.yaml and the presets."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(REPOSITORY / "params.yaml", folder)
        shutil.copytree(REPOSITORY / "presets", Path(folder, "presets"))
        try:
            status = command_line.main(["--root", folder, *words])
        except SystemExit:
            return ["its arguments are not accepted"]
    return ["it is refused"] if status else []


def check_program(words: tuple[str, ...]) -> list[str]:
    """Check a program that is run by hand: a module, or a package with a `__main__`."""
    module = importlib.import_module(words[2])
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{words[2]}.__main__")
    if not callable(getattr(module, "main", None)):
        return [f"{words[2]} has no main()"]
    if not hasattr(module, "argparse"):
        return [f"{words[2]} takes no options"] if words[3:] else []
    with mock.patch.object(sys, "argv", list(words[2:])):
        faults = parse_only(module.main)
    if "--variants" in words:
        faults += check_variants(words, module.changes_of)
    return faults


def check_variants(
    words: tuple[str, ...], changes_of: Callable[[str], dict[str, Any]]
) -> list[str]:
    """Check the variants of bench_recipe, whose parameters no parser sees."""
    faults = []
    for word in words[words.index("--variants") + 1 :]:
        if word.startswith("--"):
            break
        if word != "held-out":
            try:
                faults += check_changes(changes_of(word))
            except InputError as error:
                faults.append(str(error))
    return faults


def check_pytest(words: tuple[str, ...]) -> list[str]:
    """Check that markers, names and paths exist; running them is what this test is a part of."""
    pyproject = (REPOSITORY / "pyproject.toml").read_text()
    tests = "\n".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    faults = []
    for option, value in itertools.pairwise(words[3:]):
        if option == "-m" and f'"{value}: ' not in pyproject:
            faults.append(f"there is no marker {value}")
        if option == "-k" and not re.search(rf"def test_\w*{value}", tests):
            faults.append(f"no test has {value} in its name")
    paths = [word for word in words[3:] if "/" in word]
    return faults + [f"{path}: not there" for path in paths if not (REPOSITORY / path).exists()]


def check_dvc(words: tuple[str, ...]) -> list[str]:
    from dvc.cli import DvcParserError, parse_args

    try:
        options = parse_args(list(words[1:]))
    except (DvcParserError, SystemExit):
        return ["dvc does not accept its arguments"]
    settings = getattr(options, "set_param", None) or []
    faults = check_settings(settings, sweep=getattr(options, "queue", False))
    if words[1] == "repro":
        known = {name for file in ("dvc.yaml", "kernels/dvc.yaml") for name in stages(file)}
        targets = [target.rpartition(":")[2] for target in options.targets]
        faults += [f"there is no stage {target}" for target in targets if target not in known]
    return faults


def stages(file: str) -> list[str]:
    return list(YAML(typ="safe").load((REPOSITORY / file).read_text())["stages"])


def check_source(words: tuple[str, ...]) -> list[str]:
    return [] if words == ("source", ".venv/bin/activate") else ["only .venv is activated"]


# How a command is checked, by its first words.
CHECKS: dict[tuple[str, ...], Callable[[tuple[str, ...]], list[str]]] = {
    ("make",): check_make,
    ("dvc",): check_dvc,
    ("source",): check_source,
    ("python", "-m", "pytest"): check_pytest,
    ("python", "-m", "pipeline"): check_pipeline,
}


def filled(word: str) -> str:
    """Return a word with an example in place of a placeholder."""
    for placeholder, example in PLACEHOLDERS.items():
        word = re.sub(rf"\b{re.escape(placeholder)}\b", example, word)
    return word


def check(command: documents.Command) -> list[str]:
    """Return what is wrong with a command."""
    words = tuple(filled(word) for word in command.words)
    if command.needs is not None and command.needs not in NEEDS:
        return [f"needs: {command.needs}: not one of {sorted(NEEDS)}"]
    by_hand = ("benchmarks.", "research.", "tests.campaign")
    if words[:2] == ("python", "-m") and words[2].startswith(by_hand):
        return check_program(words)
    for start, how in CHECKS.items():
        if words[: len(start)] == start:
            return how(words)
    if command.shown == "prose" or command.needs is not None:
        return []
    return ["no test runs it: add a check, or mark its block with <!-- needs: ... -->"]


def keys(content: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return the values of nested sections by dotted keys."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        key = f"{above}{name}"
        found |= keys(value, f"{key}.") if isinstance(value, dict) else {key: value}
    return found


def check_parameters(text: str) -> list[str]:
    """Check the parameters in backticks, alone or with a value, and those of `yaml` blocks."""
    content = defaults()
    known = keys(content)
    sections = {name for name, value in content.items() if isinstance(value, dict)}
    faults = []
    for span in documents.code_spans(text):
        match = re.fullmatch(r"(?:-S )?(([a-z_]+)(?:\.[a-z0-9_]+)+)(?:(?:: |=)(.+))?", span)
        if match is None or match[2] not in sections or Path(span).suffix in FILE_SUFFIXES:
            continue
        if match[3] is not None:
            faults += check_settings([f"{match[1]}={match[3]}"])
        elif match[1] not in known and not any(key.startswith(f"{match[1]}.") for key in known):
            faults.append(f"`{span}`: params.yaml has no such key")
    for span in documents.code_spans(text):
        if (match := re.fullmatch(r"([a-z_]+)\.\*", span)) and match[1] not in sections:
            faults.append(f"`{span}`: params.yaml has no such section")
    for block in documents.blocks(text):
        if block.language == "yaml":
            faults += check_changes(keys(YAML(typ="safe").load("\n".join(block.lines))))
    return faults


def check_paths(text: str) -> list[str]:
    """Check the files and modules of the repository that are named in backticks."""
    faults = []
    for span in documents.code_spans(text):
        if re.search(r"[A-Z]{4}", span) and not span.endswith("MODEL_CARD.md"):
            continue  # a placeholder
        if re.fullmatch(rf"({'|'.join(FOLDERS)})/[\w./-]*", span):
            if span.rstrip("/") not in WRITTEN and not (REPOSITORY / span).exists():
                faults.append(f"`{span}`: not there")
        elif match := re.fullmatch(r"(pipeline(?:\.\w+)+)\.(\w+)", span):
            file = REPOSITORY / Path(*match[1].split(".")).with_suffix(".py")
            package = REPOSITORY / Path(*span.split("."))
            is_name = file.is_file() and re.search(rf"\b{match[2]}\b", file.read_text())
            if not (is_name or package.is_dir() or package.with_suffix(".py").is_file()):
                faults.append(f"`{span}`: not there")
    return faults


def check_links(page: Path, text: str) -> list[str]:
    """Check that relative links and images lead to files, and anchors to headings."""
    faults = []
    for link in documents.links(text):
        target, _, anchor = link.partition("#")
        place = (page.parent / target) if target else page
        if not place.is_file():
            faults.append(f"{link}: not there")
        elif anchor and anchor not in documents.anchors(place.read_text()):
            faults.append(f"{link}: no such heading")
    return faults


def reached(start: Path) -> set[Path]:
    """Return the pages that links lead to from a page, in any number of steps."""
    found, waiting = {start}, [start]
    while waiting:
        page = waiting.pop()
        for link in documents.links(page.read_text()):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file() and target not in found:
                found.add(target)
                waiting.append(target)
    return found


def named(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


ALL_COMMANDS = {
    f"{named(page)}: {command}": command
    for page in documents.pages()
    for command in documents.commands(page.read_text())
}


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_a_command_of_the_docs_is_accepted(name: str) -> None:
    assert check(ALL_COMMANDS[name]) == []


@pytest.mark.parametrize("page", documents.pages(), ids=named)
def test_the_parameters_of_a_page_exist(page: Path) -> None:
    assert check_parameters(page.read_text()) == []


@pytest.mark.parametrize("page", documents.pages(), ids=named)
def test_the_files_of_a_page_exist(page: Path) -> None:
    assert check_paths(page.read_text()) == []


@pytest.mark.parametrize(
    "page", [*documents.pages(), REPOSITORY / "research/distillation/MODEL_CARD.md"], ids=named
)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    assert check_links(page, page.read_text()) == []


def test_every_page_is_reached_from_the_readme() -> None:
    assert set(documents.pages()) <= reached(REPOSITORY / "README.md")


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 230


def test_the_readme_shows_the_summary_as_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = documents.blocks((REPOSITORY / "README.md").read_text())
    (shown,) = (block.lines for block in blocks if block.language == "text")
    paths = Paths(tmp_path)
    for path in (paths.samples, paths.nearest, paths.curves, paths.report):
        files.write_text(path, "")
    paths.grids.mkdir()
    with open(paths.images_zip, "wb") as file:
        file.truncate(94_500_000)
    digest = "2aa014bfa16b" + 52 * "0"
    monkeypatch.setattr(files, "sha256", lambda path: digest)
    files.write_json(paths.package, {"images": 10_000, "sha256": digest})
    metrics = {"mifid": 0.8045, "floor_fid": 0.01734, "extractor": "embedded", "official": False}
    metrics |= {"memorization_distance": 0.05505, "threshold": 0.0115}
    metrics["protocol"] = "generative-dog-images: 64 px, against photos, by embedded"
    files.write_json(paths.metrics, metrics)
    printed = summary.lines(read_run(paths))
    for line in shown[1:]:
        assert any(other.startswith(line.removesuffix("…")) for other in printed), line


def test_the_page_on_scoring_explains_each_key_of_the_metrics() -> None:
    text = (REPOSITORY / "docs/scoring.md").read_text()
    section = text.partition("## `outputs/metrics.json`")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    explained = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    tree = ast.parse((REPOSITORY / "pipeline/scoring/evaluate.py").read_text())
    written = {
        key.value
        for node in ast.walk(tree)
        for key in (
            node.keys
            if isinstance(node, ast.Dict)
            else [node.slice]
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
            else []
        )
        if isinstance(key, ast.Constant)
    }
    assert explained == written


# The checks themselves: each finds its fault.


def commands_of(block: str, language: str = "sh", above: str = "") -> list[documents.Command]:
    return list(documents.commands(f"{above}\n```{language}\n{block}\n```\n"))


@pytest.mark.parametrize(
    "line",
    [
        "make nothing",
        "make run PRESET=nothing",
        "python -m pipeline nothing",
        "python -m pipeline sample --nothing 3",
        "python -m pipeline use nothing",
        "python -m pipeline use photos-cpu train.nothing=1",
        "python -m pipeline use photos-cpu train.batch_size=-1",
        "python -m benchmarks.bench_score --nothing",
        "python -m benchmarks.bench_recipe --work x --variants shipped+train.nothing=1",
        "python -m benchmarks.bench_recipe --work x --variants nothing",
        "python -m pytest -m nothing",
        "python -m pytest -k nothing_at_all",
        "python -m pytest tests/nothing.py",
        "dvc nothing",
        "dvc repro nothing",
        "dvc repro --nothing",
        "dvc exp run -S train.nothing=1",
        "dvc exp run -S train.lr=3",
        "dvc exp run -S train.lr=1e-3,2e-3",
        "dvc exp run --queue -S train.lr=1e-3,2",
        "source elsewhere/bin/activate",
        "kaggle kernels push",
        "make help && make nothing",
    ],
)
def test_a_bad_command_is_found(line: str) -> None:
    assert any(check(command) for command in commands_of(line))


def test_a_mark_excuses_what_has_no_check_and_nothing_else() -> None:
    mark = "<!-- needs: an account -->"
    assert not check(*commands_of("kaggle kernels push", above=mark))
    assert check(*commands_of("kaggle kernels push", above="<!-- needs: luck -->"))
    assert check(*commands_of("make nothing", above=mark))


def test_commands_are_read_as_a_shell_reads_them() -> None:
    block = "A=1 time dvc repro -f \\\n  crop && dvc dag  # twice\n# nothing"
    assert [command.words for command in commands_of(block)] == [
        ("dvc", "repro", "-f", "crop"),
        ("dvc", "dag"),
    ]
    shown = commands_of("$ dvc dag \\\n    --md\noutput\n$ make help", "console")
    assert [command.words for command in shown] == [("dvc", "dag", "--md"), ("make", "help")]


@pytest.mark.parametrize(
    "text",
    [
        "`train.nothing`",
        "`model.dcgan.nothing`",
        "`train.lr=3`",
        "`submit.mode: nothing`",
        "```yaml\ndata:\n  folder:\n    nothing: 1\n```\n",
    ],
)
def test_a_bad_parameter_is_found(text: str) -> None:
    assert check_parameters(text)


def test_a_good_parameter_is_none() -> None:
    assert not check_parameters("`train.lr`, `model.dcgan`, `submit.mode: file`, `kaggle.json`")


@pytest.mark.parametrize("text", ["`pipeline/nothing.py`", "`pipeline.data.index.nothing`"])
def test_a_missing_file_is_found(text: str) -> None:
    assert check_paths(text)


@pytest.mark.parametrize("link", ["nothing.md", "README.md#nothing", "#nothing", "docs/x.png"])
def test_a_dead_link_is_found(link: str) -> None:
    assert check_links(REPOSITORY / "README.md", f"# Heading\n[text]({link})")


def test_an_orphan_is_found(tmp_path: Path) -> None:
    for name, text in {"a.md": "[b](b.md#x)", "b.md": "no link", "c.md": "[a](a.md)"}.items():
        (tmp_path / name).write_text(text)
    assert reached(tmp_path / "a.md") == {tmp_path / "a.md", tmp_path / "b.md"}
