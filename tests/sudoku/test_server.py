"""The server as a process of its own: its line, a taken port, Ctrl-C."""

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.common.errors import InputError
from pipeline.sudoku import app, server
from tests.conftest import REPOSITORY
from tests.sudoku import synthetic

PROGRAM = """
import signal
# Whatever a shell starts in the background inherits that Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from pipeline.sudoku import app, server
from tests.sudoku import synthetic
server.serve(app.create(synthetic.supply()), "127.0.0.1", 0)
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


def raw(port: int, request: bytes) -> bytes:
    """Return the first line of the answer to bytes as they are."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        return connection.makefile("rb").readline()


def test_it_serves_and_stops_on_ctrl_c() -> None:
    with served() as (process, port):
        status, content = ask(port, "GET", "/api/puzzle?level=easy&seed=7")
        assert status == 200 and json.loads(content)["seed"] == 7
        assert ask(port, "GET", "/")[0] == 200
        assert ask(port, "GET", "/../../etc/passwd")[0] == 404
        assert ask(port, "POST", "/api/check", b"x" * 2_000_000)[0] == 400
        assert raw(port, b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n").split()[1] == b"404"
        assert raw(port, b"nonsense\r\n\r\n").split()[1] in (b"400", b"404")
        bad_length = b"POST /api/check HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"
        assert raw(port, bad_length).split()[1] == b"400"
        assert ask(port, "GET", "/api/puzzle?level=easy&seed=7")[1] == content
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0
        assert out == "stopped\n" and err == ""


def test_a_taken_port_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"^--port {port}: taken by another program"):
            server.serve(app.create(synthetic.supply()), "127.0.0.1", port)


def test_a_foreign_address_is_one_line() -> None:
    with pytest.raises(InputError, match=r"^--host 192\.0\.2\.1: no address of this machine"):
        server.serve(app.create(synthetic.supply()), "192.0.2.1", 0)
    with pytest.raises(InputError, match=r"^--host no such host: no address of this machine"):
        server.serve(app.create(synthetic.supply()), "no such host", 0)
