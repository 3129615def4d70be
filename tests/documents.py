"""Read the README and the pages of docs/ as a reader would: code blocks, commands, links."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY

_FENCE = re.compile(r"^\s*```(\w*)\s*$")
_NEEDS = re.compile(r"^\s*<!-- needs: (.+) -->\s*$")
_ASSIGNMENT = re.compile(r"^[A-Z_]+=")


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        language: the word behind the opening fence, "" where there is none.
        needs: text of the comment `<!-- needs: ... -->` on the line above, or None.
    """

    language: str
    lines: tuple[str, ...]
    needs: str | None


@dataclass(frozen=True)
class Command:
    """One command of a block or of the prose, without its environment variables.

    Attributes:
        needs: as in `Block`.
        shown: "block" or "prose".
    """

    words: tuple[str, ...]
    needs: str | None
    shown: str

    def __str__(self) -> str:
        return shlex.join(self.words)


def pages() -> list[Path]:
    """Return README.md and the pages of docs/."""
    return [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def blocks(text: str) -> list[Block]:
    """Return the fenced code blocks of a page.

    Raises:
        ValueError: the last block is not closed.
    """
    found: list[Block] = []
    opened: tuple[str, str | None] | None = None
    inside: list[str] = []
    above = ""
    for line in text.splitlines():
        fence = _FENCE.match(line)
        if fence and opened is None:
            needs = _NEEDS.match(above)
            opened, inside = (fence[1], needs[1] if needs else None), []
        elif fence:
            found.append(Block(opened[0], tuple(inside), opened[1]))
            opened = None
        elif opened is not None:
            inside.append(line)
        above = line
    if opened is not None:
        raise ValueError("a code block is not closed")
    return found


def prose(text: str) -> str:
    """Return the page without its fenced code blocks."""
    return re.sub(r"^\s*```.*?^\s*```\s*$", "", text, flags=re.M | re.S)


def code_spans(text: str) -> list[str]:
    """Return what stands between single backticks outside of code blocks."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(text))]


def commands(text: str) -> Iterator[Command]:
    """Yield the commands of the `sh` and `console` blocks, then those named in the prose."""
    for block in blocks(text):
        if block.language in ("sh", "console"):
            for line in _command_lines(block):
                for words in split(line):
                    yield Command(words, block.needs, "block")
    for span in code_spans(text):
        if re.match(r"(make|dvc|time|python -m) [a-z-]", span):
            for words in split(span):
                yield Command(words, None, "prose")


def split(line: str) -> list[tuple[str, ...]]:
    """Return the words of each command of a shell line, without comments and variables."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&;|")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if word in ("&&", ";", "|", "&"):
            found.append([])
        elif found[-1] or not (_ASSIGNMENT.match(word) or word == "time"):
            found[-1].append(word)
    return [tuple(words) for words in found if words]


def _command_lines(block: Block) -> list[str]:
    """Return the commands of a block, each on one line; of `console`, without the output."""
    found: list[str] = []
    continued = False
    for line in block.lines:
        if continued:
            found[-1] += " " + line.strip()
        elif block.language == "sh":
            found.append(line.strip())
        elif line.startswith("$ "):
            found.append(line[2:].strip())
        else:
            continue
        continued = found[-1].endswith("\\")
        found[-1] = found[-1].removesuffix("\\")
    return [line for line in found if line]


def links(text: str) -> list[str]:
    """Return the targets of links and images that are no web addresses."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(text))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ +(.+?) *$", prose(text), flags=re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found
