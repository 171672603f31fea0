"""Messages to people by e-mail, chat or webhook, through apprise."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flywheel_pipeline.errors import SettingsError

TALKATIVE = ("apprise", "urllib3", "requests")
"""Loggers that write addresses, which hold passwords, into their messages."""


def send(urls: Sequence[str], title: str, text: str) -> list[bool]:
    """Send a message to every apprise URL; return which of them took it. No URL is printed or logged.

    Raises:
        SettingsError: apprise is not installed, or a URL is none that it knows.
    """
    try:
        from apprise import Apprise
    except ModuleNotFoundError:
        raise SettingsError("Alerts need apprise: install it with `pip install 'flywheel-pipeline[alerts]'`") from None
    with _silent():
        found = [Apprise() for _ in urls]
        wrong = [str(i) for i, (one, url) in enumerate(zip(found, urls, strict=True), 1) if not one.add(url)]
        if wrong:
            raise SettingsError(f"Alert URL number {', '.join(wrong)} is none that apprise knows; see its services")
        return [bool(one.notify(title=title, body=text)) for one in found]


@contextmanager
def _silent() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL + 1)  # loggers below these have no level of their own
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # what its services import, when they are looked up
            yield
    finally:
        for one, was in zip(loggers, before, strict=True):
            one.setLevel(was)
