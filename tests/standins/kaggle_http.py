"""The HTTP half of the stand-in for Kaggle: routes, uploads, files, and faults on any call."""

import base64
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from tests.standins.kaggle_api import KaggleStandIn

HOSTS = {"localhost", "localhost:80"}  # where the client believes Kaggle to be


class Refusal(Exception):
    """An error as Kaggle answers one: {"code": …, "message": …}."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class Fault:
    """What goes wrong with a call.

    `call` is the method's name (CreateSubmission) or PUT, PUT-status or GET, the requests to
    storage. With `drop`: "before" the connection breaks and nothing was done; "during": it was
    done and the answer breaks in its middle (an upload: half of it arrived); "after": it was done
    and no answer comes.
    """

    call: str
    times: int = 1
    skip: int = 0  # so many calls go well first
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    drop: str | None = None
    hang_s: float = 0.0
    trickle_s: float = 0.0  # between two bytes of the answer
    keep: float | None = None  # PUT, GET: this share of the bytes, taken for the whole
    echo: bool = False  # the message of an error holds the credentials of the request
    content_type: str | None = None  # instead of the true one
    length: str = "true"  # GET: true | chunked | none (the end is the connection's)

    def applies(self, call: str) -> bool:
        if call != self.call or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Entry:
    """One request as it came in. `status` is what was answered, 0 where the connection broke."""

    call: str
    asked: dict[str, Any]
    status: int = 0


class _Quiet(ThreadingHTTPServer):
    """A client that hangs up is part of the tests, and no news."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Server:
    """A proxy on loopback that answers for Kaggle and refuses every other host."""

    def __init__(self, kaggle: "KaggleStandIn") -> None:
        self.kaggle = kaggle
        self.faults: list[Fault] = []
        self.log: list[Entry] = []
        self.strays: list[str] = []  # requests that were meant for other hosts
        # Told of each request: "before" it does something, and "after" that, before its answer.
        self.watch: Callable[[str, Entry], None] = lambda moment, entry: None
        handler = type("Handler", (_Handler,), {"server_of": self, "kaggle": kaggle})
        self.http = _Quiet(("127.0.0.1", 0), handler)
        self.port = self.http.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server_of: Server
    kaggle: "KaggleStandIn"

    def log_message(self, *arguments: object) -> None:
        """Silent: tests read the log."""

    def do_CONNECT(self) -> None:
        self.server_of.strays.append(self.path)
        self.send_error(403)

    def do_POST(self) -> None:
        self._handle(self._call)

    def do_PUT(self) -> None:
        self._handle(self._put)

    def do_GET(self) -> None:
        self._handle(self._get)

    def _handle(self, act: Any) -> None:
        address = urlsplit(self.path)
        host = address.netloc or self.headers.get("Host", "")
        if host not in HOSTS and host != f"127.0.0.1:{self.server_of.port}":
            self.server_of.strays.append(host)
            self.send_error(403)
            return
        with suppress(ConnectionError, TimeoutError):
            act(unquote(address.path))

    def _begin(self, call: str, asked: dict[str, Any]) -> tuple[Entry, Fault]:
        with self.kaggle.lock:
            entry = Entry(call, asked)
            self.server_of.log.append(entry)
            found = [fault for fault in self.server_of.faults if fault.applies(call)]
        fault = found[0] if found else Fault(call)
        self.server_of.watch("before", entry)
        time.sleep(fault.hang_s)
        return entry, fault

    # --- the API --------------------------------------------------------------------------------
    def _call(self, path: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        method = path.rpartition("/")[2]
        asked = json.loads(body or b"{}")
        entry, fault = self._begin(method, asked)
        if fault.drop == "before":
            return self._break()
        if fault.status is not None:
            text = f"injected: {self._credentials(asked)}" if fault.echo else "injected"
            message = json.dumps({"code": fault.status, "message": text}).encode()
            body = message if fault.body is None else fault.body
            return self._send(
                entry, fault.status, body, headers=fault.headers, content_type=fault.content_type
            )
        try:
            if "Token" not in method and not self._authorised():
                raise Refusal(401, "Unauthenticated")
            act = getattr(self.kaggle, re.sub(r"(?<!^)([A-Z])", r"_\1", method).lower(), None)
            if act is None:
                raise Refusal(501, f"the stand-in does not know {method}")
            with self.kaggle.lock:
                answer = act(asked)
        except Refusal as refusal:
            content = {"code": refusal.code, "message": refusal.message}
            return self._send(entry, refusal.code, json.dumps(content).encode())
        if fault.drop == "after":
            return self._break()
        if isinstance(answer, str):
            return self._send(entry, 302, b"", headers={"Location": answer})
        content = fault.body if fault.body is not None else json.dumps(answer).encode()
        self._send(
            entry,
            200,
            content,
            cut=fault.drop == "during",
            trickle_s=fault.trickle_s,
            content_type=fault.content_type,
        )

    def _credentials(self, asked: dict[str, Any]) -> str:
        """All that the request carries of the account's secrets, in each form."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        plain = base64.b64decode(value).decode() if scheme == "Basic" else ""
        login = [asked.get(name, "") for name in ("token", "refreshToken")]
        return " ".join([scheme, value, plain, *login])

    def _authorised(self) -> bool:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            value = base64.b64decode(value).decode()
        return self.kaggle.knows(scheme.lower(), value)

    # --- storage --------------------------------------------------------------------------------
    def _put(self, path: str) -> None:
        """A resumable upload, in Google Cloud Storage's protocol."""
        length = int(self.headers.get("Content-Length") or 0)
        place = re.fullmatch(
            r"bytes (?:\*|(\d+)-\d+)/\d+", self.headers.get("Content-Range") or "bytes 0-0/0"
        )
        asks = place is not None and place[1] is None
        entry, fault = self._begin("PUT-status" if asks else "PUT", {"length": length})
        blob = self.kaggle.blobs.get(path.removeprefix("/upload/"))
        if fault.drop == "before":
            return self._break()
        if "Authorization" in self.headers or blob is None or place is None:
            return self._send(entry, 400, b"")
        if asks:
            if fault.status or blob.complete:
                return self._send(entry, fault.status or 200, b"", headers=fault.headers)
            have = blob.path.stat().st_size
            headers = {"Range": f"bytes=0-{have - 1}"} if have else {}
            return self._send(entry, 308, b"", headers=headers)
        share = 0.5 if fault.drop == "during" else fault.keep if fault.keep is not None else 1.0
        self._store(blob.path, int(place[1]), length, int(length * share))
        if fault.status is not None:
            blob.path.write_bytes(b"")
            return self._send(entry, fault.status, b"", headers=fault.headers)
        blob.complete = fault.keep is not None or blob.path.stat().st_size == blob.size
        if fault.drop:
            return self._break()
        self._send(entry, 200 if blob.complete else 308, b"")

    def _store(self, path: Any, start: int, length: int, kept: int) -> None:
        with open(path, "r+b") as file:
            file.truncate(start)
            file.seek(start)
            while length and (block := self.rfile.read(min(length, 1 << 16))):
                file.write(block[:kept])
                length, kept = length - len(block), max(0, kept - len(block))

    def _get(self, path: str) -> None:
        entry, fault = self._begin("GET", {"path": path, "range": self.headers.get("Range")})
        if fault.drop == "before":
            return self._break()
        file = self.kaggle.folder / path.removeprefix("/files/")
        if "Authorization" in self.headers or not file.is_file() or ".." in path:
            return self._send(entry, 403, b"")
        if fault.status is not None:
            return self._send(entry, fault.status, b"injected", headers=fault.headers)
        content = file.read_bytes()
        tag = f'"{len(content):x}-{file.stat().st_mtime_ns:x}"'
        headers = {"ETag": tag, "Accept-Ranges": "bytes"}
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if start and self.headers.get("If-Range", tag) == tag:
            if int(start[1]) >= len(content):
                return self._send(entry, 416, b"")
            headers["Content-Range"] = f"bytes {start[1]}-{len(content) - 1}/{len(content)}"
            content = content[int(start[1]) :]
        if fault.keep is not None:
            content = content[: int(len(content) * fault.keep)]
        status = 206 if "Content-Range" in headers else 200
        cut = fault.drop == "during"
        self._send(entry, status, content, headers=headers, cut=cut, length=fault.length)

    # --- answers --------------------------------------------------------------------------------
    def _send(
        self,
        entry: Entry,
        status: int,
        body: bytes,
        *,
        headers: dict[str, str] | None = None,
        cut: bool = False,
        trickle_s: float = 0.0,
        content_type: str | None = None,
        length: str = "true",
    ) -> None:
        self.server_of.watch("after", entry)
        entry.status = 0 if cut else status
        self.send_response(status)
        is_json = body[:1] in (b"{", b"[")
        own_type = "application/json" if is_json else "text/plain"
        self.send_header("Content-Type", content_type or own_type)
        if length == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif length == "true":
            self.send_header("Content-Length", str(len(body)))
        else:
            self.close_connection = True
            self.send_header("Connection", "close")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if trickle_s:
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(trickle_s)
        else:
            body = body[: len(body) // 2] if cut else body
            if length == "chunked":
                end = b"" if cut else b"0\r\n\r\n"
                body = f"{len(body):x}\r\n".encode() + body + b"\r\n" + end
            self.wfile.write(body)
        if cut:
            self._break()

    def _break(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
