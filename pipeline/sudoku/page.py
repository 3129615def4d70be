"""Write the pages: one file each, with nothing to load but the game's data."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pipeline.sudoku import game
from pipeline.sudoku.boards.cells import DIGITS
from pipeline.sudoku.boards.puzzle import LEVELS
from pipeline.sudoku.digits import certificate
from pipeline.sudoku.digits.pool import LEAST
from pipeline.sudoku.preparation import Supply

_FOLDER = Path(__file__).parent / "templates"
_SCRIPTS = ("rules.js", "ink.js", "game.js")
_SAMPLES = 2  # of each digit on the page about them


@dataclass(frozen=True)
class Page:
    """A page, and the Content-Security-Policy under which it works: nothing from elsewhere, no
    script but its own."""

    html: str
    policy: str


def game_page(supply: Supply) -> Page:
    """Return the page that gets its boards from the server."""
    return _page("game.html.j2", supply, is_alone=False)


def about_page(supply: Supply) -> Page:
    """Return the page about the digits."""
    return _page("about.html.j2", supply)


def standalone(supply: Supply, level: str, seed: int) -> str:
    """Return a page with one board that needs no server."""
    content = game.clues(supply.pool, level, seed) | {
        "digits": {
            digit: game.digits(supply.pool, digit, LEAST, seed)["pictures"] for digit in DIGITS
        }
    }
    # Inside a script element, "<" could end it.
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    return _page("game.html.j2", supply, is_alone=True, game=text).html


def _page(name: str, supply: Supply, **more: Any) -> Page:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    style = (_FOLDER / "style.css").read_text("utf-8")
    script = "\n".join((_FOLDER / part).read_text("utf-8") for part in _SCRIPTS)
    raw = {key: Markup(value) for key, value in more.items() if key == "game"}
    html = environment.get_template(name).render(
        style=Markup(style),
        script=Markup(script),
        levels=LEVELS,
        **_about(supply),
        **(more | raw),
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
    return Page(html, policy)


def _about(supply: Supply) -> dict[str, Any]:
    """Return what the page about the digits says."""
    pool = supply.pool
    certified = [len(of_digit) for of_digit in pool.pictures]
    accepted = sum(certified)
    return {
        "family": supply.family,
        "source": supply.source,
        "images_seen": supply.images_seen,
        "is_conditional": pool.is_conditional,
        "confidence": certificate.CONFIDENCE,
        "accepted": f"{pool.accepted_share:.1%}",
        "certified": f"{accepted:,}",
        "tried": f"{sum(pool.tried):,}",
        "rejected": f"{sum(pool.tried) - accepted:,}",
        "accuracy": f"{supply.test_accuracy:.1%}",
        "test_images": f"{supply.test_images:,}",
        "rows": [
            {"digit": digit, "tried": tried, "certified": count, "share": f"{count / tried:.0%}"}
            for digit, (tried, count) in enumerate(zip(pool.tried, certified, strict=True))
        ],
        "accepted_samples": [
            {"read": each.digit, "confidence": f"{each.confidence:.2f}", "png": _base64(each.png)}
            for of_digit in pool.pictures
            for each in of_digit[:_SAMPLES]
        ],
        "rejects": [
            {
                "asked": each.asked,
                "read": each.read,
                # Rounded down: what is below the limit is not to look like it.
                "confidence": f"{math.floor(100 * each.confidence) / 100:.2f}",
                "png": _base64(each.png),
            }
            for each in pool.rejects
        ],
    }


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
