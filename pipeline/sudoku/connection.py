"""A connection of waitress that refuses as the app does, with 400 and one sentence.

waitress has statuses of its own (413, 431, 501), closes without an answer where Python cannot read
an address or a length, and closes while a body still comes, by which the answer may be lost.
"""

from __future__ import annotations

import json
import socket

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask

# What is still read, and thrown away, behind a refused request. A connection that is closed while
# bytes arrive is reset, and the client would lose the answer.
_MOST_DRAINED_BYTES = 1 << 30


class _Parser(HTTPRequestParser):
    """Refuses, rather than fails at, an address or a length that Python cannot read."""

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError:  # a bracket in the address; thousands of digits
            raise ParsingError("the address or the length") from None

    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if self.error:
            self.expect_continue = False  # a body that is refused is not to be sent
        return consumed


class _Refusal(ErrorTask):
    """Answers as the app does: 400 and one sentence as JSON."""

    def execute(self) -> None:
        code = self.request.error.code
        if code == 500:
            self.status, reason = "500 Internal Server Error", "The server failed."
        elif code == 413:
            most = self.channel.adj.max_request_body_size - 1
            self.status, reason = "400 Bad Request", f"The body must have at most {most} bytes."
        else:
            self.status, reason = "400 Bad Request", "The request is not well-formed."
        body = (json.dumps({"error": reason}) + "\n").encode()
        self.response_headers += [
            ("Content-Type", "application/json"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        self.content_length = len(body)
        self.set_close_on_finish()
        self.write(body)
        self.channel.is_refused = True


class Connection(HTTPChannel):
    """One client's connection."""

    parser_class = _Parser
    error_task_class = _Refusal
    is_refused = False  # an answer that ends the connection was written
    _drained: int | None = None  # bytes read since then

    def handle_close(self) -> None:
        """Close; behind a refusal, first for writing only, until the client closes its side."""
        if self.is_refused and self._drained is None:
            self._drained = 0
            self.will_close = False
            try:
                self.socket.shutdown(socket.SHUT_WR)
                return
            except OSError:
                pass  # the client is gone
        super().handle_close()

    def received(self, data: bytes) -> bool:
        """Take bytes in; throw them away behind a refusal."""
        if self._drained is None:
            return super().received(data)
        self._drained += len(data)
        if self._drained > _MOST_DRAINED_BYTES:
            super().handle_close()
        return False
