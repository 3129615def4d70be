"""What a failed request means: worth another try or not, and nothing secret in its words."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pipeline.download.errors import PermanentFailure
from pipeline.download.request import send
from pipeline.download.retry import Retryable
from tests.standins.file_server import Fault, FileServer, Served


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Yield the port of a server that does this with each connection, then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # the test is over
                    return
                with connection:
                    answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def ask(url: str, **options: object) -> None:
    with send("GET", url, timeout_s=5, accepted=(200,), **options):
        pass


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_a_busy_server(server: FileServer, status: int) -> None:
    server.files["/images.tar"].faults = [Fault(status=status, headers={"Retry-After": "3"})]
    with pytest.raises(Retryable, match=f"^HTTP {status}$") as caught:
        ask(server.url("/images.tar"))
    assert caught.value.retry_after_s == 3


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410])
def test_a_refusal(server: FileServer, status: int) -> None:
    server.files["/images.tar"].faults = [Fault(status=status)] * 2
    with pytest.raises(PermanentFailure, match=f"^HTTP {status} [A-Z]"):
        ask(server.url("/images.tar"))
    with pytest.raises(Retryable, match=f"^HTTP {status}$"):
        ask(server.url("/images.tar"), expired=(status,))


def test_a_connection_that_breaks() -> None:
    with raw_server(lambda connection: None) as port, pytest.raises(Retryable):
        ask(f"http://127.0.0.1:{port}/")


def test_a_tls_handshake_that_is_cut_may_be_repeated() -> None:
    with (
        raw_server(lambda connection: connection.recv(1)) as port,
        pytest.raises(Retryable, match=r"EOF|reset"),
    ):
        ask(f"https://127.0.0.1:{port}/")


def test_a_server_without_tls_stays_one(server: FileServer) -> None:
    with pytest.raises(PermanentFailure, match="SSL"):
        ask(server.url("/images.tar").replace("http:", "https:"))


def test_a_refusal_that_echoes_the_address_is_masked() -> None:
    """The reason phrase and the address of a redirect are the server's own words."""

    def answer(connection: socket.socket) -> None:
        asked = connection.recv(9999).split()[1]
        connection.sendall(b"HTTP/1.1 403 no such thing: " + asked + b"\r\n\r\n")

    with raw_server(answer) as port, pytest.raises(PermanentFailure) as caught:
        ask(f"http://user01:password1@127.0.0.1:{port}/a?sig=abc%2Fdefgh&x=1")
    assert str(caught.value) == "HTTP 403 no such thing: /a?***"


def test_a_redirect_to_a_broken_address_shows_no_signature(server: FileServer) -> None:
    server.files["/a"] = Served(b"", redirect_to="http://[x/y?sig=secret99")
    with pytest.raises(PermanentFailure) as caught:
        ask(server.url("/a"))
    assert "secret99" not in str(caught.value)
