"""The live endpoint as a server: a socket, the receiver behind it, and an orderly end on SIGTERM and SIGINT."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

from flywheel_pipeline.web.labelling import People, Source, labelling_mount
from flywheel_pipeline.web.receiver import Limits, build_app
from flywheel_pipeline.web.taxonomy import Board, taxonomy_mount

__all__ = [
    "Board", "Limits", "People", "Source", "build_app", "labelling_mount", "open_socket", "serve_app", "taxonomy_mount",
]  # fmt: skip

CONNECTIONS = 1000
SHUTDOWN_SECONDS = 10


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises:
        OSError: the address is taken, or is not ours.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(address[:2], family=family, backlog=2048)


def serve_app(app: Starlette, listening: socket.socket) -> None:
    """Answer requests until SIGTERM or SIGINT; what is being answered then is finished, and the files are closed."""
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
    """Uvicorn raises the signal again after its orderly end, which would make that end look like a crash."""
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
