"""The HTTP server: a socket, the application behind it, and an orderly end on SIGTERM and SIGINT."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

CONNECTIONS = 1000
SHUTDOWN_SECONDS = 10


def open_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        OSError: the address is taken, or does not belong to this machine.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(address[:2], family=family, backlog=2048)


def serve_app(app: Starlette, listening: socket.socket) -> None:
    """Answer requests until SIGTERM or SIGINT; requests in progress are finished and the files are closed."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    with listening, _signals_end_quietly():
        uvicorn.Server(config).run(sockets=[listening])


@contextlib.contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Keep uvicorn from raising the signal again after its orderly end, which would look like a crash."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ignore: Callable[..., None] = lambda *_: None  # noqa: E731
    before = {s: signal.signal(s, ignore) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
