"""Alerts reach a webhook; addresses, which are secrets, are in no log and no message."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from flywheel_pipeline.adapters.notify import send
from flywheel_pipeline.errors import SettingsError

got: list[dict[str, Any]] = []


class Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200 if "good" in self.path else 500)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def hook() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_every_address_gets_the_message_and_refusals_are_counted(
    hook: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    assert send([f"{hook}/good-s3cret", f"{hook}/bad-s3cret"], "A title", "A text") == [True, False]
    assert [(m["title"], m["message"]) for m in got] == [("A title", "A text")] * 2
    said = capfd.readouterr()
    assert "s3cret" not in caplog.text + said.out + said.err


def test_an_address_that_is_none_is_named_by_its_place(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SettingsError, match="Alert URL number 2 is none that apprise knows") as error:
        send(["json://localhost", "s3cret-nonsense"], "A title", "A text")
    assert "s3cret" not in caplog.text + str(error.value)
