"""The JSON interface: what it answers, and every way to ask wrongly."""

import base64
import io
import json
from collections.abc import Iterator

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from pipeline.sudoku import app, game
from pipeline.sudoku.boards import puzzle
from tests.sudoku import synthetic

BODY = {"level": "easy", "seed": 7, "cells": list(puzzle.make("easy", 7).clues)}


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    with app.create(synthetic.supply()).test_client() as opened:
        yield opened


def test_a_puzzle_is_its_board_with_a_picture_for_each_clue(client: FlaskClient) -> None:
    answer = client.get("/api/puzzle?level=hard&seed=7")
    assert answer.status_code == 200
    content = answer.get_json()
    assert list(content) == ["level", "seed", "clues", "pictures"]
    board = puzzle.make("hard", 7)
    assert (content["level"], content["seed"]) == ("hard", 7)
    assert content["clues"] == list(board.clues)
    filled = [cell for cell, clue in enumerate(board.clues) if clue]
    assert [each["cell"] for each in content["pictures"]] == filled
    for each in content["pictures"]:
        assert each["class"] == board.clues[each["cell"]] and each["confidence"] >= 0.9
        image = np.asarray(Image.open(io.BytesIO(base64.b64decode(each["png"]))))
        assert image.shape == (32, 32)
    assert len({each["png"] for each in content["pictures"]}) == len(filled), "each another sample"


def test_the_solution_is_nowhere_in_a_puzzle(client: FlaskClient) -> None:
    content = client.get("/api/puzzle?level=hard&seed=7").get_json()
    assert set(content) == {"level", "seed", "clues", "pictures"}
    assert content["clues"].count(0) > 40
    assert {each["cell"] for each in content["pictures"]}.isdisjoint(
        cell for cell, clue in enumerate(content["clues"]) if not clue
    )


def test_the_same_address_gives_the_same_bytes(client: FlaskClient) -> None:
    game.board.cache_clear()
    first = client.get("/api/puzzle?level=expert&seed=3").data
    game.board.cache_clear()
    other = app.create(synthetic.supply()).test_client()
    assert other.get("/api/puzzle?seed=3&level=expert").data == first
    assert client.get("/api/puzzle?level=expert&seed=4").data != first


def test_check_says_what_is_wrong_and_not_what_is_right(client: FlaskClient) -> None:
    board = puzzle.make("easy", 7)
    blank = board.clues.index(0)
    clue = next(cell for cell, digit in enumerate(board.clues) if digit)

    def check(**cells: int) -> dict:
        filled = list(board.clues)
        for cell, digit in cells.items():
            filled[int(cell[1:])] = digit
        return client.post("/api/check", json=BODY | {"cells": filled}).get_json()

    blanks = board.clues.count(0)
    assert check() == {"conflicts": [], "wrong": [], "blanks": blanks, "solved": False}
    right = check(**{f"c{blank}": board.solution[blank]})
    assert right == {"conflicts": [], "wrong": [], "blanks": blanks - 1, "solved": False}
    wrong = check(**{f"c{blank}": board.clues[clue]})
    assert wrong["wrong"] == [blank] and wrong["blanks"] == blanks - 1
    assert set(wrong["conflicts"]) <= set(range(81))
    assert check(**{f"c{clue}": 0})["wrong"] == [clue], "a clue that was erased"
    solved = client.post("/api/check", json=BODY | {"cells": list(board.solution)}).get_json()
    assert solved == {"conflicts": [], "wrong": [], "blanks": 0, "solved": True}


def test_conflicts_are_found(client: FlaskClient) -> None:
    cells = list(puzzle.make("easy", 7).solution)
    cells[0], cells[1] = cells[1], cells[0]
    answer = client.post("/api/check", json=BODY | {"cells": cells}).get_json()
    assert answer["wrong"] == [0, 1] and not answer["solved"]
    assert {0, 1} <= set(answer["conflicts"])


def test_digits_are_different_pictures_of_one_class(client: FlaskClient) -> None:
    content = client.get("/api/digits?label=4&count=16").get_json()
    assert (content["label"], content["seed"]) == (4, 1)
    assert {each["class"] for each in content["pictures"]} == {4}
    assert len({each["png"] for each in content["pictures"]}) == 16
    assert len(client.get("/api/digits?label=0").get_json()["pictures"]) == 1
    seeded = client.get("/api/digits?label=4&count=16&seed=2").get_json()
    assert seeded["pictures"] != content["pictures"]


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("/api/puzzle", "level is missing."),
        ("/api/puzzle?level=easy", "seed is missing."),
        ("/api/puzzle?level=easy&seed=7&seed=8", "seed must be given once."),
        ("/api/puzzle?level=easy&seed=7&x=1", "'x' is no parameter of this address (level, seed)."),
        ("/api/puzzle?level=Easy&seed=7", "level must be one of easy, medium, hard, expert"),
        ("/api/puzzle?level=&seed=7", "level must be one of"),
        ("/api/puzzle?level=../../etc/passwd&seed=7", "level must be one of"),
        ("/api/puzzle?level=" + "a" * 5000 + "&seed=7", "level must be one of"),
        ("/api/puzzle?level=easy%00&seed=7", "level must be one of"),
        ("/api/puzzle?level=%ff%fe&seed=7", "level must be one of"),
        ("/api/puzzle?level=easy&seed=-1", "seed must be a whole number from 0 to 4294967295"),
        ("/api/puzzle?level=easy&seed=4294967296", "seed must be"),
        ("/api/puzzle?level=easy&seed=" + "9" * 4000, "seed must be"),
        ("/api/puzzle?level=easy&seed=1e3", "seed must be"),
        ("/api/puzzle?level=easy&seed=1.0", "seed must be"),
        ("/api/puzzle?level=easy&seed=0x7", "seed must be"),
        ("/api/puzzle?level=easy&seed=+7", "seed must be"),
        ("/api/puzzle?level=easy&seed=07", "seed must be"),
        ("/api/puzzle?level=easy&seed=", "seed must be"),
        ("/api/puzzle?level=easy&seed=%D9%A7", "seed must be"),  # an Arabic seven
        ("/api/puzzle?level=easy&seed=7%0a", "seed must be"),
        ("/api/puzzle?level=easy&seed=1_000", "seed must be"),
        ("/api/digits", "label is missing."),
        ("/api/digits?label=10", "label must be a whole number from 0 to 9"),
        ("/api/digits?label=a", "label must be"),
        ("/api/digits?label=4&count=0", "count must be a whole number from 1 to 64"),
        ("/api/digits?label=4&count=65", "count must be"),
        ("/api/digits?label=4&count=21", "count must be at most 20"),
        ("/api/digits?label=4&seed=x", "seed must be"),
        ("/?level=none", "level must be one of"),
        ("/?seed=-3", "seed must be"),
        ("/?page=2", "'page' is no parameter of this address (level, seed)."),
        ("/about?x=1", "'x' is no parameter of this address (none)."),
        ("/api/check", "GET is not for this address."),
    ],
)
def test_a_bad_question_is_answered_in_one_sentence(
    client: FlaskClient, address: str, sentence: str
) -> None:
    answer = client.get(address)
    assert answer.status_code == 400
    assert list(answer.get_json()) == ["error"]
    said = answer.get_json()["error"]
    assert said.startswith(sentence) and said.endswith(".") and len(said) < 200


@pytest.mark.parametrize(
    "address",
    ["/api", "/api/", "/api/puzzle/", "/static/game.js", "/../../etc/passwd", "/%2e%2e/params.yaml",
     "/templates/game.js", "/api/puzzle/../../x", "//etc/passwd", "/favicon.ico", "/\x00", "/.git",
     "/api//puzzle", "/about/"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_there_is_nothing_elsewhere(client: FlaskClient, address: str, method: str) -> None:
    answer = client.open(address, method=method)
    assert answer.status_code == 404
    assert answer.get_json() == {"error": "There is nothing at this address."}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X"])
def test_other_methods_are_refused(client: FlaskClient, method: str) -> None:
    for address in ("/", "/about", "/api/puzzle?level=easy&seed=7", "/api/digits?label=1"):
        answer = client.open(address, method=method)
        assert answer.status_code == 400
        assert answer.get_json() == {"error": f"{method} is not for this address."}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The body is not JSON."),
        (b"{", "The body is not JSON."),
        (b"\xff\xfe{}", "The body is not JSON."),
        (b"[" * 4000, "The body is not JSON."),
        (b"[]", "The body must be a JSON object of level, seed and cells."),
        (b"null", "The body must be"),
        (b"7", "The body must be"),
        (json.dumps(BODY["cells"]).encode(), "The body must be"),
        (json.dumps(BODY | {"more": 1}).encode(), "The body must be"),
        (json.dumps({"level": "easy", "seed": 7}).encode(), "The body must be"),
        (json.dumps(BODY | {"cells": [0] * 80}).encode(), "cells must be 81 whole numbers"),
        (json.dumps(BODY | {"cells": [0] * 80 + [10]}).encode(), "cells must be"),
        (json.dumps(BODY | {"cells": [0] * 80 + [-1]}).encode(), "cells must be"),
        (json.dumps(BODY | {"cells": [0] * 80 + [1.0]}).encode(), "cells must be"),
        (json.dumps(BODY | {"cells": [0] * 80 + [True]}).encode(), "cells must be"),
        (json.dumps(BODY | {"cells": [0] * 80 + ["1"]}).encode(), "cells must be"),
        (json.dumps(BODY | {"cells": [0] * 80 + [[1]]}).encode(), "cells must be"),
        (json.dumps(BODY | {"cells": "0" * 81}).encode(), "cells must be"),
        (json.dumps(BODY | {"cells": None}).encode(), "cells must be"),
        (json.dumps(BODY | {"level": 1}).encode(), "level must be one of"),
        (json.dumps(BODY | {"level": ["easy"]}).encode(), "level must be one of"),
        (json.dumps(BODY | {"level": {}}).encode(), "level must be one of"),
        (json.dumps(BODY | {"seed": "7"}).encode(), "seed must be a whole number."),
        (json.dumps(BODY | {"seed": True}).encode(), "seed must be a whole number."),
        (json.dumps(BODY | {"seed": 7.0}).encode(), "seed must be a whole number."),
        (json.dumps(BODY | {"seed": -7}).encode(), "seed must be a whole number from"),
        (b'{"level":"easy","seed":' + b"9" * 3000 + b',"cells":[]}', "cells must be"),
        (b'{"level":"easy","seed":NaN,"cells":[]}', "cells must be"),
        (b" " * 5000, "The body must have at most 4096 bytes."),
        (b"x" * 2_000_000, "The body must have at most 4096 bytes."),
    ],
)  # fmt: skip
def test_a_bad_body_is_refused_in_one_sentence(
    client: FlaskClient, body: bytes, sentence: str
) -> None:
    answer = client.post("/api/check", data=body, content_type="application/json")
    assert answer.status_code == 400
    said = answer.get_json()["error"]
    assert said.startswith(sentence) and said.endswith(".") and len(said) < 200


def test_a_number_too_long_for_python_is_refused(client: FlaskClient) -> None:
    cells = json.dumps(BODY["cells"]).encode()
    body = b'{"level":"easy","seed":' + b"9" * 3700 + b',"cells":' + cells + b"}"
    assert len(body) < 4096
    answer = client.post("/api/check", data=body)
    assert answer.status_code == 400


def test_no_cookie_and_nothing_kept(client: FlaskClient) -> None:
    for answer in (
        client.get("/"),
        client.get("/about"),
        client.get("/api/puzzle?level=easy&seed=7"),
        client.post("/api/check", json=BODY),
        client.get("/nothing"),
    ):
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_pages_may_load_nothing_from_elsewhere(client: FlaskClient) -> None:
    for address in ("/", "/?level=hard&seed=7", "/about"):
        answer = client.get(address)
        assert answer.status_code == 200 and answer.mimetype == "text/html"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "http" not in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_the_page_about_the_digits_says_how_many_were_accepted(client: FlaskClient) -> None:
    text = client.get("/about").get_data(as_text=True)
    assert "50.0%" in text and "200 of 400 samples" in text and "98.0%" in text
    assert "asked 3, read 0" in text
    assert text.count("data:image/png") == 25
