"""Serve the app until Ctrl-C."""

from __future__ import annotations

import errno

from flask import Flask
from waitress.server import create_server

from pipeline.common import progress
from pipeline.common.errors import InputError

# Of a request's body; the app refuses all but a fraction of it, in words.
_MOST_BODY_BYTES = 16 << 20
_THREADS = 4


def serve(app: Flask, host: str, port: int) -> None:
    """Serve the app on an address until Ctrl-C; port 0 takes a free one.

    Raises:
        InputError: the port is taken, or the address is not one of this machine.
    """
    try:
        server = create_server(
            app,
            host=host,
            port=port,
            threads=_THREADS,
            ident="",
            max_request_body_size=_MOST_BODY_BYTES,
        )
    except ValueError:  # waitress: the address cannot be resolved
        raise InputError(f"--host {host}: no address of this machine") from None
    except OSError as error:
        raise InputError(_reason(error, host, port)) from None
    name = f"[{host}]" if ":" in host else host
    progress.say(f"play at http://{name}:{server.effective_port}/ (Ctrl-C stops it)")
    try:
        server.run()
    finally:
        server.close()
    progress.say("stopped")


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"--port {port}: taken by another program; take another one, or 0 for any free one"
    if error.errno == errno.EACCES:
        return f"--port {port}: not allowed to you; take one above 1023"
    return f"--host {host}: no address of this machine ({error.strerror or error})"
