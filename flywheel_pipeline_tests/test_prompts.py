"""An application reads its prompt: from a home or a server, cached, with a copy for the day the source is down."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline import prompts
from flywheel_pipeline.adapters.registry import Canary, Move, Registry
from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.prompts import PromptError, PromptNotFoundError, fill, in_canary
from flywheel_pipeline_tests.builders import a_prompt
from flywheel_pipeline_tests.homes import a_home

OLD, NEW = a_prompt("Be kind to {{customer}}."), a_prompt("Be brief, {{customer}}.", model="openai/x")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(prompts, "_entries", {})
    for name in ("FLYWHEEL_PROMPTS", "FLYWHEEL_HOME", "FLYWHEEL_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = Registry(tmp_path / "home" / "prompts")
    for prompt in (OLD, NEW):
        registry.add(prompt)
    registry.promote(OLD.version)
    return registry


@pytest.fixture
def home(registry: Registry) -> Path:
    return registry.root.parent


def restart() -> None:
    """Forget everything that a process knows; what is on disk stays."""
    prompts._entries.clear()


def wait_for(text: str, source: str | Path) -> None:
    for _ in range(200):
        if prompts.get(source=source).template == text:
            return
        time.sleep(0.01)
    raise AssertionError(f"{text!r} never came")


def test_a_prompt_comes_with_its_variables_version_and_the_attributes_of_a_span(home: Path) -> None:
    found = prompts.get("fern", variables={"customer": "Ann"}, source=home)
    assert str(found) == found.text == "Be kind to Ann." and found.template == OLD.text
    assert (found.version, found.label, found.canary) == (OLD.version, "production", False)
    assert found.attributes() == {"gen_ai.prompt.name": "fern", "gen_ai.prompt.version": OLD.version}


def test_the_home_is_that_of_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYWHEEL_HOME", str(home))
    assert prompts.get().template == OLD.text
    monkeypatch.setenv("FLYWHEEL_PROMPTS", str(home.parent / "elsewhere"))
    with pytest.raises(PromptError, match="no flywheel home"):
        prompts.get()


def test_a_label_that_is_not_there_and_another_name_are_errors(home: Path) -> None:
    with pytest.raises(PromptNotFoundError, match="'staging'"):
        prompts.get(label="staging", source=home)
    with pytest.raises(PromptNotFoundError, match="'fern'"):
        prompts.get("ivy", source=home)


def test_a_variable_without_a_value_is_named_and_no_values_leave_the_template(home: Path) -> None:
    with pytest.raises(PromptError, match="customer"):
        prompts.get(variables={"date": "today"}, source=home)
    assert prompts.get(source=home).text == OLD.text


@pytest.mark.parametrize(
    ("template", "variables", "text"),
    [
        ("Greet {{customer}} on {{ date }}.", {"customer": "Ann", "date": 3}, "Greet Ann on 3."),
        ("Greet {{customer}}.", {"customer": "{{date}}", "date": "x"}, "Greet {{date}}."),
        ("Write {{name}} in templates.", {}, "Write {{name}} in templates."),
        ("No variable.", {"customer": "Ann"}, "No variable."),
    ],
)
def test_values_are_filled_in_once(template: str, variables: dict[str, Any], text: str) -> None:
    assert fill(template, variables) == text


def test_a_kept_prompt_is_returned_at_once_and_refreshed_behind_it(
    home: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prompts.get(source=home).version == OLD.version
    registry.promote(NEW.version)
    assert prompts.get(source=home).version == OLD.version  # fresh for a minute
    monkeypatch.setattr(prompts, "FRESH_SECONDS", 0.0)
    restart()
    assert prompts.get(source=home).model == "openai/x"
    registry.promote(OLD.version)
    wait_for(OLD.text, home)


def test_without_its_source_a_new_process_starts_with_the_copy_on_disk(
    home: Path, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    prompts.get(source=home)
    registry.root.rename(home / "gone")
    restart()
    with caplog.at_level(logging.WARNING):
        assert prompts.get(source=home).template == OLD.text
    assert "the copy of 0 seconds ago is used" in caplog.text
    prompts._copy_of(str(home), "production").write_text("{", "utf-8")
    restart()
    with pytest.raises(PromptError):
        prompts.get(source=home)


def test_a_removed_label_is_an_error_after_its_age_and_not_before(
    home: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.move(Move("staging", NEW.version))
    monkeypatch.setattr(prompts, "FRESH_SECONDS", 0.0)
    assert prompts.get(label="staging", source=home).version == NEW.version
    registry.move(Move("staging", None))
    time.sleep(0.05)
    assert prompts.get(label="staging", source=home).version == NEW.version
    monkeypatch.setattr(prompts, "REMOVED_SECONDS", 0.0)
    with pytest.raises(PromptNotFoundError):
        for _ in range(200):
            prompts.get(label="staging", source=home)
            time.sleep(0.01)


def test_a_canary_is_sticky_by_key_and_has_its_share(home: Path, registry: Registry) -> None:
    registry.move(Move("production", OLD.version, canary=Canary("c1", NEW.version, 0.2)))
    found = {key: prompts.get(source=home, key=key) for key in (f"user-{i}" for i in range(300))}
    versions = {key: p.version for key, p in found.items()}
    assert set(versions.values()) == {OLD.version, NEW.version}
    assert all(p.canary == (p.version == NEW.version) for p in found.values())
    restart()
    assert versions == {key: prompts.get(source=home, key=key).version for key in versions}
    assert prompts.get(source=home).version == OLD.version


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_the_share_of_ten_thousand_ids_is_that_of_the_canary(share: float) -> None:
    hits = sum(in_canary({"canary_id": "c1", "share": share}, f"id-{i}") for i in range(10_000))
    assert abs(hits / 10_000 - share) < 3 * (share * (1 - share) / 10_000) ** 0.5


def test_another_process_puts_the_same_ids_into_the_canary() -> None:
    code = (
        "from flywheel_pipeline.prompts import in_canary\n"
        "print([i for i in range(200) if in_canary({'canary_id': 'c', 'share': 0.2}, str(i))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [i for i in range(200) if in_canary({"canary_id": "c", "share": 0.2}, str(i))]


def test_only_the_standard_library_is_imported() -> None:
    code = "import sys; before = set(sys.modules)\nfrom flywheel_pipeline import prompts\n"
    code += "new = {m.split('.')[0] for m in set(sys.modules) - before}\n"
    code += "print(sorted(new - set(sys.stdlib_module_names)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['flywheel_pipeline']"


class Server(ThreadingHTTPServer):
    """A server of prompts that counts what it is asked."""

    content: dict[str, Any] | bytes
    asked: list[str | None]
    status = 200


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get("If-None-Match"))
        content = self.server.content
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        same = self.headers.get("If-None-Match") == '"1"'
        self.send_response(304 if same and self.server.status == 200 else self.server.status)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0" if same else str(len(body)))
        self.end_headers()
        if not same:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as found:
        found.content = {"name": "fern", "version": "v1", "text": "From afar."}
        found.asked = []
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def test_a_server_is_asked_again_only_whether_anything_changed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    assert [prompts.get(source=url).text for _ in range(5)] == ["From afar."] * 5
    assert server.asked == [None]
    monkeypatch.setattr(prompts, "FRESH_SECONDS", 0.0)
    prompts._entries[url, "production"].next_at = 0.0
    for _ in range(100):
        prompts.get(source=url)
        if len(server.asked) > 1:
            break
        time.sleep(0.01)
    assert server.asked[1] == '"1"' and prompts.get(source=url).text == "From afar."


@pytest.mark.parametrize(
    ("status", "content", "reason"),
    [(500, {}, "answered 500"), (401, {}, "answered 401"), (200, b"<html>", "cannot be read"), (200, b"[]", "address")],
)
def test_an_answer_that_is_no_prompt_is_an_error_with_its_reason(
    server: Server, status: int, content: dict[str, Any] | bytes, reason: str
) -> None:
    server.status, server.content = status, content
    with pytest.raises(PromptError, match=reason):
        prompts.get(source=f"http://127.0.0.1:{server.server_port}")


def test_a_label_that_the_server_does_not_have_is_reported_as_such(server: Server) -> None:
    server.status = 404
    with pytest.raises(PromptNotFoundError):
        prompts.get(source=f"http://127.0.0.1:{server.server_port}")


def test_a_server_that_is_down_is_an_error_only_without_a_copy(server: Server) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    prompts.get(source=url)
    server.status = 503
    restart()
    assert prompts.get(source=url).text == "From afar."
    with pytest.raises(PromptError, match="503"):
        prompts.get(source=url, label="staging")


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1e", "\n", "\r"])
def test_line_ends_in_a_message_do_not_take_the_prompt_away(registry: Registry, home: Path, end: str) -> None:
    registry.promote(NEW.version, at="2026-11-28T10:00:00", by=f"An{end}n", message=f"Shorter.{end}And kinder.")
    assert prompts.get(source=home).template == NEW.text


def test_what_an_application_does_with_the_parameters_stays_its_own(registry: Registry, home: Path) -> None:
    found = prompts.get(source=home)
    assert isinstance(found.parameters, dict)
    found.parameters["temperature"] = 2
    assert "temperature" not in prompts.get(source=home).parameters


def test_a_trace_comes_back_with_the_version_that_was_put_onto_any_of_its_spans(tmp_path: Path, home: Path) -> None:
    found = prompts.get(source=home)
    model = {
        "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Hi?",
        "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "Hello.",
    }  # fmt: skip
    spans = [
        a_span("a", "1", {**model, **found.attributes()}),
        a_span("b", "2", found.attributes()), a_span("b", "3", model, parent="2"),
        a_span("c", "4", {}), a_span("c", "5", found.attributes(), parent="4"), a_span("c", "6", model, parent="5"),
    ]  # fmt: skip
    place = a_home(tmp_path / "other")
    place.put_traces("spans.json", {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]})
    capture_traces(place.bench)
    rows = place.lake.frame("select prompt_name, prompt_version, input, output from raw_traces").values.tolist()
    assert rows == [[OLD.name, OLD.version, "Hi?", "Hello."]] * 3


def a_span(trace: str, span: str, attributes: dict[str, str], parent: str = "") -> dict[str, Any]:
    """A span as OTLP's JSON has it."""
    return {
        "traceId": trace * 32, "spanId": span * 16, **({"parentSpanId": parent * 16} if parent else {}), "name": "s",
        "startTimeUnixNano": "1750000000000000000", "endTimeUnixNano": "1750000001000000000",
        "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()],
    }  # fmt: skip
