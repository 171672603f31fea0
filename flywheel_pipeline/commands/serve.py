"""The live endpoint of a home: applications send their spans and their users' feedback to it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path

from flywheel_pipeline.adapters.web import Limits, build_app, open_socket, serve_app
from flywheel_pipeline.errors import HomeError, SettingsError
from flywheel_pipeline.settings import Settings, load_settings


def serve_home(home: Path | None, host: str, port: int, say: Callable[[str], None]) -> None:
    """Take traces and feedback into `traces/` of the home until SIGTERM or SIGINT.

    Raises:
        HomeError: there is no home.
        SettingsError: it may not, or can not, listen there.
    """
    settings = load_settings(home)
    if not settings.home.is_dir():
        raise HomeError(f"There is no flywheel home at {settings.home}: make one with `flywheel init`.")
    token = settings.serve.token.get_secret_value() if settings.serve.token else None
    if token is None and not is_loopback(host):
        raise SettingsError(
            f"{host} can be reached from other machines and no token is set, so anyone could write to this home: "
            "set FLYWHEEL_TOKEN (clients send `Authorization: Bearer <token>`), or listen on 127.0.0.1."
        )
    try:
        listening = open_socket(host, port)
    except (OSError, OverflowError) as error:
        raise SettingsError(f"can not listen on {host}, port {port}: {error}. Choose with --host and --port.") from None
    where = listening.getsockname()
    url = f"http://{f'[{where[0]}]' if ':' in where[0] else where[0]}:{where[1]}"
    say(f"Listening on {url}: POST {url}/v1/traces and {url}/v1/feedback; landing in {settings.home / 'traces'}.")
    serve_app(build_app(settings.home / "traces", _limits(settings), token), listening)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _limits(settings: Settings) -> Limits:
    serve, megabyte = settings.serve, 1_000_000
    return Limits(
        body=int(serve.max_body_mb * megabyte),
        line=int(settings.capture.max_line_mb * megabyte),
        file=int(serve.rotate_mb * megabyte),
        seconds=serve.rotate_seconds,
    )
