"""The server of a home: applications send it traces and feedback, people label and review on its pages."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flywheel_pipeline.commands.addresses import is_loopback
from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.settings import Settings
from flywheel_pipeline.web import (
    RequestLimits,
    build_app,
    mount_pages,
    open_socket,
    pages_of,
    prepare_pages,
    prompt_route,
    serve_app,
)


def serve_home(
    home: Path | None,
    host: str,
    port: int,
    say: Callable[[str], None],
    browse: Callable[[str], object] | None = None,
    grpc_port: int | None = None,
) -> None:
    """Take traces and feedback into `traces/` of the home, and labels into `labels/`, until SIGTERM or SIGINT.

    `browse` opens the labelling page, if it is given. With a `grpc_port` traces are taken over OTLP/gRPC as well.

    Raises:
        HomeError: there is no home.
        SettingsError: it may not, or cannot, listen there.
    """
    bench = Workbench.of(home)
    settings = bench.settings
    token = settings.serve.token.get_secret_value() if settings.serve.token else None
    if token is None and not is_loopback(host):
        raise SettingsError(
            f"{host} can be reached from other machines and no token is set, so anyone could write to this home: "
            "set FLYWHEEL_TOKEN (clients send `Authorization: Bearer <token>`), or listen on 127.0.0.1."
        )
    grpc_address = _grpc_address(host, grpc_port)
    listening = _listen(host, port, "--port")
    with listening:
        url, pages = _url_of(listening.getsockname()), pages_of(bench)
        say(f"Listening on {url}: POST {url}/v1/traces and {url}/v1/feedback; landing in {settings.home / 'traces'}.")
        if grpc_address:
            say(f"OTLP/gRPC: http://{grpc_address}")
        for page in pages:
            say(f"{page.title} page: {url}/{page.name}/{'?token=...' if token else ''}")
        if browse:
            browse(f"{url}/{pages[0].name}/")  # without the token: a command's arguments can be read by other users
        prepare_pages(pages)
        routes = [prompt_route(bench, token), *mount_pages(pages, token)]
        app = build_app(settings.home / "traces", _limits(settings), token, routes, grpc_address)
        serve_app(app, listening)


def _listen(host: str, port: int, option: str) -> socket.socket:
    try:
        return open_socket(host, port)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"cannot listen on {host}, port {port}: {error}. Choose with --host and {option}."
        ) from None


def _grpc_address(host: str, port: int | None) -> str | None:
    """Return the address for gRPC, which opens its own socket: that it can is tried here, before anything is served."""
    if port is None:
        return None
    with _listen(host, port, "--grpc-port, or serve without gRPC (--no-grpc)") as tried:
        return _url_of(tried.getsockname()).removeprefix("http://")


def _url_of(address: tuple[Any, ...]) -> str:
    host, port = address[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _limits(settings: Settings) -> RequestLimits:
    serve, megabyte = settings.serve, 1_000_000
    return RequestLimits(
        body=int(serve.max_body_mb * megabyte),
        line=int(settings.capture.max_line_mb * megabyte),
        file=int(serve.rotate_mb * megabyte),
        seconds=serve.rotate_seconds,
    )
