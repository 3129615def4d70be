"""A real HTTP server on loopback that hands out files, as well or as badly as a test asks.

In a test: `with FileServer({"/a.tar": Served(content)}) as server: server.url("/a.tar")`. From a
shell, to serve a folder from a process of its own: `python -m tests.standins.file_server FOLDER`,
which prints the address of its first line.
"""

import mmap
import re
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

_CHUNK_BYTES = 16 << 10


@dataclass
class Fault:
    """What goes wrong with one answer; the first of `Served.faults` is used up by each request."""

    status: int | None = None  # this status instead of the file
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after_bytes: int | None = None  # the connection closes after so much of the body
    stall_after_bytes: int | None = None  # nothing more comes after so much, for `stall_s`
    stall_s: float = 0.0
    before: "Served | None" = None  # the file is replaced by this one before the answer


@dataclass
class Served:
    """One file and how the server treats it."""

    content: bytes | Path
    etag: str | None = '"version-1"'
    last_modified: str | None = "Sat, 12 Nov 2011 08:00:00 GMT"
    content_type: str = "application/x-tar"
    ranges: bool = True  # whether Range is answered with 206
    honours_if_range: bool = True  # a bad server goes on with 206 after the file has changed
    length: str = "true"  # true | chunked | none (the end is the connection's) | a wrong number
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    range_bytes: int | None = None  # a 206 sends no more than so much of what is asked
    content_range: str | None = None  # instead of the true one
    redirect_to: str | None = None
    bytes_per_second: float | None = None
    faults: list[Fault] = field(default_factory=list)

    def read(self) -> memoryview:
        if isinstance(self.content, bytes):
            return memoryview(self.content)
        with open(self.content, "rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


@dataclass
class Asked:
    """One request, and what was sent of the body."""

    path: str
    range: str | None
    if_range: str | None
    status: int
    body_bytes: int = 0


class FileServer:
    """Serves `files` (path -> Served; change it at will) until the `with` block ends.

    Attributes:
        log: every request so far, in order.
    """

    def __init__(self, files: Mapping[str, Served]) -> None:
        self.files = dict(files)
        self.log: list[Asked] = []
        self._server = _QuietServer(("127.0.0.1", 0), _handler(self))
        self._stopping = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def wait(self, seconds: float) -> None:
        """Sleep, but not beyond the end of the test."""
        self._stopping.wait(seconds)

    def __enter__(self) -> "FileServer":
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away, which the tests make them do."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served = server.files.get(self.path)
            fault = served.faults.pop(0) if served and served.faults else Fault()
            if fault.before:
                served = server.files[self.path] = fault.before
            asked = Asked(self.path, self.headers.get("Range"), self.headers.get("If-Range"), 404)
            server.log.append(asked)
            if fault.status:
                asked.status = fault.status
                self._empty(fault.status, fault.headers)
            elif served is None:
                self._empty(404, {})
            elif served.redirect_to:
                asked.status = 302
                self._empty(302, {"Location": served.redirect_to})
            else:
                self._file(served, fault, asked)

        def _empty(self, status: int, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def _file(self, served: Served, fault: Fault, asked: Asked) -> None:
            content = served.read()
            start = 0
            match = re.fullmatch(r"bytes=(\d+)-", asked.range or "")
            if match and served.ranges:
                fits = asked.if_range in (None, served.etag, served.last_modified)
                start = int(match[1]) if fits or not served.honours_if_range else 0
            if start and start >= len(content):
                asked.status = 416
                self._empty(416, {"Content-Range": f"bytes */{len(content)}"})
                return
            asked.status = 206 if start else 200
            body = content[start:]
            if start and served.range_bytes:
                body = body[: served.range_bytes]
            self.send_response(asked.status)
            self.send_header("Content-Type", served.content_type)
            if start:
                true_range = f"bytes {start}-{start + len(body) - 1}/{len(content)}"
                self.send_header("Content-Range", served.content_range or true_range)
            for name, value in (("ETag", served.etag), ("Last-Modified", served.last_modified)):
                if value:
                    self.send_header(name, value)
            for name, value in served.extra_headers.items():
                self.send_header(name, value)
            if served.length == "chunked":
                self.send_header("Transfer-Encoding", "chunked")
            elif served.length == "true":
                self.send_header("Content-Length", str(len(body)))
            elif served.length != "none":
                self.send_header("Content-Length", served.length)
            if served.length not in ("true", "chunked"):
                self.close_connection = True
                self.send_header("Connection", "close")
            self.end_headers()
            self._body(body, served, fault, asked)

        def _body(self, body: memoryview, served: Served, fault: Fault, asked: Asked) -> None:
            chunked = served.length == "chunked"
            # A fast server for the benchmark, small steps only where a test counts bytes.
            exact = fault != Fault() or served.bytes_per_second or chunked
            step = _CHUNK_BYTES if exact else max(len(body), 1)
            stops = (fault.cut_after_bytes, fault.stall_after_bytes)
            stop = min((stop for stop in stops if stop is not None), default=None)
            try:
                while asked.body_bytes < len(body):
                    piece = body[asked.body_bytes : asked.body_bytes + step]
                    if stop is not None:
                        piece = piece[: stop - asked.body_bytes]
                        if not piece:
                            break
                    frame = f"{len(piece):x}\r\n".encode() if chunked else b""
                    asked.body_bytes += len(piece)  # before: the client may be quicker than us
                    self.wfile.write(frame + bytes(piece) + b"\r\n" if chunked else piece)
                    if served.bytes_per_second:
                        time.sleep(len(piece) / served.bytes_per_second)
                if stop is not None:
                    server.wait(fault.stall_s if fault.stall_after_bytes is not None else 0)
                    self.close_connection = True
                elif chunked:
                    self.wfile.write(b"0\r\n\r\n")
            except OSError:  # the client went away; nothing is left to do
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing: `FileServer.log` has it."""

    return Handler


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    standalone = FileServer(
        {f"/{path.name}": Served(path) for path in folder.iterdir() if path.is_file()}
    )
    print(standalone.url(""), flush=True)
    standalone.serve()
