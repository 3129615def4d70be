"""The web app: two pages and three addresses of JSON. It keeps nothing of its visitors: no cookie,
no session, no log."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

from pipeline.common.errors import InputError
from pipeline.sudoku import game, page
from pipeline.sudoku.boards.puzzle import LEVELS, SEEDS
from pipeline.sudoku.preparation import Supply

_MOST_BODY_BYTES = 4096  # 81 numbers take some 300
_MOST_PICTURES = 64
_SHOWN = 40  # characters of a bad value in a message


def create(supply: Supply) -> Flask:
    """Return the app."""
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _MOST_BODY_BYTES
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.json.sort_keys = False
    app.url_map.merge_slashes = False  # else "//about" would be sent on to "/about"
    play, about = page.game_page(supply), page.about_page(supply)
    pool = supply.pool

    @app.get("/")
    def play_page() -> Response:
        values = _values(request.args, optional=("level", "seed"))
        if "level" in values:
            _level(values)
        if "seed" in values:
            _seed(values)
        return _html(play)

    @app.get("/about")
    def about_page() -> Response:
        _values(request.args)
        return _html(about)

    @app.get("/api/puzzle")
    def puzzle() -> Response:
        values = _values(request.args, required=("level", "seed"))
        return jsonify(game.clues(pool, _level(values), _seed(values)))

    @app.get("/api/digits")
    def digits() -> Response:
        values = _values(request.args, required=("label",), optional=("count", "seed"))
        label = _integer(values, "label", range(10))
        count = _integer({"count": "1"} | values, "count", range(1, _MOST_PICTURES + 1))
        return jsonify(game.digits(pool, label, count, _seed({"seed": "1"} | values)))

    @app.post("/api/check")
    def check() -> Response:
        _values(request.args)
        try:
            body = json.loads(request.get_data())
        except (ValueError, RecursionError):  # RecursionError: brackets in brackets
            raise InputError("The body is not JSON.") from None
        if not isinstance(body, dict) or set(body) != {"level", "seed", "cells"}:
            raise InputError("The body must be a JSON object of level, seed and cells.")
        cells = body["cells"]
        is_board = isinstance(cells, list) and len(cells) == 81
        if not is_board or not all(type(cell) is int and 0 <= cell <= 9 for cell in cells):
            raise InputError("cells must be 81 whole numbers from 0 to 9, 0 for a blank.")
        if type(body["seed"]) is not int:
            raise InputError("seed must be a whole number.")
        values = {"level": body["level"], "seed": str(body["seed"])}
        return jsonify(game.check(_level(values), _seed(values), cells))

    @app.errorhandler(InputError)
    def refuse(error: InputError) -> tuple[Response, int]:
        return jsonify(error=_sentence(str(error))), 400

    @app.errorhandler(HTTPException)
    def fail(error: HTTPException) -> tuple[Response, int]:
        if error.code == 404:
            return jsonify(error="There is nothing at this address."), 404
        if error.code == 500:
            return jsonify(error="The server failed; its terminal says why."), 500
        reasons = {
            405: f"{request.method} is not for this address.",
            413: f"The body must have at most {_MOST_BODY_BYTES} bytes.",
        }
        return jsonify(error=reasons.get(error.code, "The request is not well-formed.")), 400

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-cache"
        return response

    return app


def _html(content: page.Page) -> Response:
    response = Response(content.html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = content.policy
    return response


def _values(
    arguments: MultiDict, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return the query's values.

    Raises:
        InputError: one is missing, unknown or given twice.
    """
    for name in arguments:
        if name not in required + optional:
            known = ", ".join(required + optional) or "none"
            raise InputError(f"{_shown(name)} is no parameter of this address ({known}).")
        if len(arguments.getlist(name)) > 1:
            raise InputError(f"{name} must be given once.")
    for name in required:
        if name not in arguments:
            raise InputError(f"{name} is missing.")
    return {name: arguments[name] for name in arguments}


def _level(values: Mapping[str, Any]) -> str:
    if values["level"] not in LEVELS:
        raise InputError(
            f"level must be one of {', '.join(LEVELS)}, not {_shown(values['level'])}."
        )
    return values["level"]


def _seed(values: Mapping[str, str]) -> int:
    return _integer(values, "seed", SEEDS)


def _integer(values: Mapping[str, str], name: str, allowed: range) -> int:
    """Return a whole number of ASCII digits, without sign, spaces or leading zeros."""
    text = values[name]
    if not re.fullmatch(r"(0|[1-9][0-9]{0,9})", text) or int(text) not in allowed:
        raise InputError(
            f"{name} must be a whole number from {allowed[0]} to {allowed[-1]}, not {_shown(text)}."
        )
    return int(text)


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
