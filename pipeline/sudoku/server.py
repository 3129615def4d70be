"""Serve the app until Ctrl-C."""

from __future__ import annotations

import errno
import logging
import os
import socket

from flask import Flask
from waitress.server import BaseWSGIServer, create_server

from pipeline.common import progress
from pipeline.common.errors import InputError
from pipeline.sudoku.connection import Connection

_THREADS = 4


def bound(host: str, port: int) -> socket.socket:
    """Return a socket of an address of this machine; port 0 takes a free one.

    Raises:
        InputError: the port is taken, or the address is not one of this machine.
    """
    try:
        # A name may have several addresses, of IPv4 and IPv6: the first.
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, kind, protocol)
    except UnicodeError:
        raise InputError(f"--host {host}: no address of this machine") from None
    except OSError as error:
        raise InputError(_reason(error, host, port)) from None
    try:
        if os.name == "posix":  # a port that was just left is free; elsewhere this means "shared"
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
    except OSError as error:
        opened.close()
        raise InputError(_reason(error, host, port)) from None
    return opened


def listening(app: Flask, opened: socket.socket) -> BaseWSGIServer:
    """Return a server of the app that listens at a bound socket.

    Raises:
        OSError: another program listens there.
    """
    server = create_server(
        app,
        sockets=[opened],
        threads=_THREADS,
        ident="",
        # waitress refuses from this size on, by its header: nothing of such a body is kept.
        max_request_body_size=app.config["MAX_CONTENT_LENGTH"] + 1,
    )
    server.channel_class = Connection
    # Else each request that waits for a thread is a line on the terminal.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    return server


def serve(app: Flask, opened: socket.socket, host: str) -> None:
    """Serve the app at a bound socket until Ctrl-C.

    Args:
        host: as asked for, to be shown.

    Raises:
        InputError: another program took the port meanwhile.
    """
    port = opened.getsockname()[1]
    try:
        server = listening(app, opened)
    except OSError as error:
        raise InputError(_reason(error, host, port)) from None
    name = f"[{host}]" if ":" in host else host
    progress.say(f"play at http://{name}:{port}/ (Ctrl-C stops it)")
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
