"""The server as a process of its own: its line, a taken port, Ctrl-C."""

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.common.errors import InputError
from pipeline.sudoku import app, connection, server
from tests.conftest import REPOSITORY
from tests.sudoku import synthetic

PROGRAM = """
import signal
# Whatever a shell starts in the background inherits that Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from pipeline.sudoku import app, server
from tests.sudoku import synthetic
with server.bound("127.0.0.1", 0) as opened:
    server.serve(app.create(synthetic.supply()), opened, "127.0.0.1")
"""


@contextmanager
def served() -> Iterator[tuple[subprocess.Popen, int]]:
    """Yield the process and its port."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("play at http://127.0.0.1:") and "Ctrl-C" in line
        yield process, int(line.split(":")[2].partition("/")[0])
    finally:
        process.kill()
        process.communicate()


def ask(port: int, method: str, address: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, address, body)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.getheader("Set-Cookie") is None
    assert answer.getheader("Server") is None
    connection.close()
    return answer.status, content


def answers(port: int, *parts: bytes) -> tuple[bytes, dict]:
    """Return the first line and the JSON of the answer to bytes as they are."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        answer = connection.makefile("rb")
        line = answer.readline()
        body = answer.read() if b" 400 " in line else b"{}"
    return line, json.loads(body.partition(b"\r\n\r\n")[2] or b"{}")


def test_it_serves_and_stops_on_ctrl_c() -> None:
    with served() as (process, port):
        status, content = ask(port, "GET", "/api/puzzle?level=easy&seed=7")
        assert status == 200 and json.loads(content)["seed"] == 7
        assert ask(port, "GET", "/")[0] == 200
        assert ask(port, "GET", "/../../etc/passwd")[0] == 404
        assert ask(port, "GET", "/%zz")[0] == 404
        assert ask(port, "GET", "/api/puzzle?level=easy&seed=7")[1] == content
        # More at once than there are threads: no line about it on the terminal.
        with ThreadPoolExecutor(20) as people:
            asked = [people.submit(ask, port, "GET", f"/?seed={each}") for each in range(60)]
        assert {each.result()[0] for each in asked} == {200}
        before = memory_mb(process.pid)
        # More than the sockets hold, so that the client still sends when it is refused.
        status, refusal = ask(port, "POST", "/api/check", b"x" * 40_000_000)
        assert status == 400
        assert json.loads(refusal) == {"error": "The body must have at most 4096 bytes."}
        assert memory_mb(process.pid) < before + 20
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0
        assert out == "stopped\n" and err == ""


def memory_mb(process: int) -> float:
    """Return the memory of a process; 0 where the system has no /proc."""
    file = Path(f"/proc/{process}/statm")
    return int(file.read_text().split()[1]) * 4096 / 1e6 if file.exists() else 0.0


POST = b"POST /api/check HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
MALFORMED = {
    "no request": b"nonsense\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "method in small letters": b"get / HTTP/1.1\r\n\r\n",
    "line feed alone": b"GET / HTTP/1.1\nHost: x\n\n\r\n\r\n",
    "header without colon": b"GET / HTTP/1.1\r\nnothing\r\n\r\n",
    "header of 300 kB": b"GET / HTTP/1.1\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
    "address of 300 kB": b"GET /" + b"x" * 300_000 + b" HTTP/1.1\r\n\r\n",
    "bracket in the address": b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length of 5,000 digits": POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "unknown coding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "chunk without size": CHUNKED + b"x\r\nabc\r\n0\r\n\r\n",
    "chunk of another size": CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
}
HUGE = {
    "body of 40 MB": (POST + b"Content-Length: 40000000\r\n\r\n", *[b"x" * 1_000_000] * 40),
    "chunks of 40 MB": (CHUNKED, *[b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n"] * 40),
    "body that does not come": (POST + b"Content-Length: 1000000000000\r\n\r\n",),
    "body that waits": (POST + b"Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n",),
    "body elsewhere": (b"PUT /x HTTP/1.1\r\nContent-Length: 4097\r\n\r\n",),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_request_is_refused_in_one_sentence(site: str, name: str) -> None:
    line, content = answers(port_of(site), MALFORMED[name])
    assert line.split(maxsplit=1)[1] == b"400 Bad Request\r\n"
    assert content == {"error": "The request is not well-formed."}
    assert ask(port_of(site), "GET", "/about")[0] == 200


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_body_is_refused_in_one_sentence(site: str, name: str) -> None:
    line, content = answers(port_of(site), *HUGE[name])
    assert line == b"HTTP/1.1 400 Bad Request\r\n"
    assert content == {"error": "The body must have at most 4096 bytes."}
    assert ask(port_of(site), "GET", "/about")[0] == 200


def test_a_client_that_sends_on_for_ever_is_cut_off(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_MOST_DRAINED_BYTES", 1_000_000)
    head = POST + b"Content-Length: 1000000000000\r\n\r\n"
    with pytest.raises(ConnectionError):
        answers(port_of(site), head, *[b"x" * 1_000_000] * 100)


def port_of(site: str) -> int:
    return int(site.split(":")[2].rstrip("/"))


def test_a_taken_port_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"^--port {port}: taken by another program"):
            server.bound("127.0.0.1", port)


def test_a_port_that_is_taken_meanwhile_is_one_line() -> None:
    with server.bound("127.0.0.1", 0) as opened, socket.socket() as other:
        port = opened.getsockname()[1]
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", port))
            other.listen()
        except OSError:
            pytest.skip("this system lets nobody take it")
        with pytest.raises(InputError, match=rf"^--port {port}: taken by another program"):
            server.serve(app.create(synthetic.supply()), opened, "127.0.0.1")


def test_a_foreign_address_is_one_line() -> None:
    for host in ("192.0.2.1", "no such host", "", "x" * 70):
        with pytest.raises(InputError, match=rf"^--host {host}: no address of this machine"):
            server.bound(host, 0)


def test_a_name_is_an_address() -> None:
    with server.bound("localhost", 0) as opened:
        assert opened.getsockname()[0] in ("127.0.0.1", "::1")
