"""Addresses that a server of ours may listen on."""

from __future__ import annotations

import ipaddress
import socket

from flywheel_pipeline.errors import SettingsError


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_port(host: str, port: int) -> None:
    """Refuse an address that another program listens on: its pages would be taken for those of this home.

    Raises:
        SettingsError: the port is taken, or there is no such address here.
    """
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except (OSError, OverflowError) as error:
        raise SettingsError(f"cannot listen on {host}, port {port}: {error}. Choose with --port.") from None
