"""Apps of one's own: a function, an endpoint, recorded answers; each answer made once, no error taken for one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.apps import Endpoint, FunctionApp, HttpApp, RememberedApp, read_answers
from flywheel_pipeline.adapters.apps import http as http_module
from flywheel_pipeline.adapters.apps.common import answer_of
from flywheel_pipeline.adapters.apps.http import fill
from flywheel_pipeline.errors import CorruptFileError, ModelError, SettingsError
from flywheel_pipeline.ports import Answer, App
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.fakes import FakeApp

COVERS = (
    "adapters/apps/common.py", "adapters/apps/function.py", "adapters/apps/http.py", "adapters/apps/recorded.py",
    "adapters/apps/remembered.py",
)  # fmt: skip


def run(app: App, cases: Sequence[GoldenCase], prompt: str = "Be brief.", repeat: int = 0) -> list[Answer]:
    async def work() -> list[Answer]:
        return list(await asyncio.gather(*(app.answer(prompt, c, repeat) for c in cases)))

    return asyncio.run(work())


def cases(*inputs: str) -> list[GoldenCase]:
    return [a_case(case_id=f"g-{i}", input=text, source_trace_id=f"t-{i}") for i, text in enumerate(inputs)]


MODULE = """
import asyncio, time, threading
running, most, lock = 0, 0, threading.Lock()

def sync(question):
    return f"{question['prompt']} {question['input']}"

async def later(question):
    await asyncio.sleep(0)
    return {"output": question["messages"][-1]["content"], "cost_usd": 0.5, "retrieved_doc_ids": ["a"]}

def broken(question):
    raise ValueError("no such order")

def odd(question):
    return 3

def slow(question):
    time.sleep(0.4)

def counted(question):
    global running, most
    with lock:
        running += 1
        most = max(most, running)
    time.sleep(0.02)
    with lock:
        running -= 1
    return str(most)

def leaves(question):
    raise SystemExit(0)

not_callable = 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my_app_for_tests.py").write_text(MODULE)
    return tmp_path


def function(folder: Path, name: str, **options: Any) -> FunctionApp:
    return FunctionApp(f"my_app_for_tests:{name}", folder, **options)


def test_a_function_gets_prompt_and_case_and_returns_a_text(folder: Path) -> None:
    answers = run(function(folder, "sync"), cases("One?", "Two?"))
    assert [a.output for a in answers] == ["Be brief. One?", "Be brief. Two?"]


def test_an_async_function_may_return_what_its_answer_took(folder: Path) -> None:
    (answer,) = run(function(folder, "later"), cases("One?"))
    assert (answer.output, answer.cost_usd, answer.retrieved_doc_ids) == ("One?", 0.5, ("a",))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("broken", "ValueError: no such order"),
        ("odd", "returned int"),
        ("slow", "no answer in 0.1 s"),
        ("leaves", "SystemExit"),
    ],
)
def test_what_a_function_does_wrong_is_an_error_of_the_answer(folder: Path, name: str, error: str) -> None:
    (answer,) = run(function(folder, name, timeout_seconds=0.1), cases("One?"))
    assert answer.output is None
    assert error in (answer.error or "")


def test_a_sync_function_runs_in_as_many_threads_as_allowed(folder: Path) -> None:
    answers = run(function(folder, "counted", workers=3), cases(*"abcdefghijkl"))
    assert max(int(a.output or 0) for a in answers) == 3


@pytest.mark.parametrize("name", ["nowhere:f", "my_app_for_tests:missing", "my_app_for_tests:not_callable"])
def test_a_function_that_is_not_there_stops_the_run(folder: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        run(FunctionApp(name, folder), cases("One?"))


def test_another_text_of_the_module_is_another_version(folder: Path) -> None:
    before = function(folder, "sync").version
    (folder / "my_app_for_tests.py").write_text(MODULE + "\n# changed\n")
    assert function(folder, "sync").version != before


@dataclass
class OwnServer:
    """An app behind HTTP; `replies` are given in turn, the last one for good."""

    replies: list[tuple[int, bytes]]
    url: str = ""
    bodies: list[Any] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)


@contextmanager
def own_server(*replies: tuple[int, bytes]) -> Iterator[OwnServer]:
    import json

    own, lock = OwnServer(list(replies)), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                own.bodies.append(body)
                own.headers.append(dict(self.headers))
                status, content = own.replies.pop(0) if len(own.replies) > 1 else own.replies[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    own.url = f"http://127.0.0.1:{server.server_port}/chat"
    try:
        yield own
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_endpoint_gets_the_body_of_the_template_and_its_answer_is_found_by_its_path() -> None:
    with own_server((200, b'{"data": [{"text": "In Ghent."}]}')) as own:
        endpoint = Endpoint(
            own.url, {"q": "Ask: {{input}}", "chat": "{{messages}}", "n": 3}, "data.0.text", {"X-Key": "k-1"}
        )
        (answer,) = run(HttpApp(endpoint), cases("Where?"))
    assert (answer.output, answer.error) == ("In Ghent.", None)
    assert own.bodies == [{"q": "Ask: Where?", "chat": [{"role": "user", "content": "Where?"}], "n": 3}]
    assert own.headers[0]["X-Key"] == "k-1"


@pytest.mark.parametrize(
    ("content", "path", "output", "error"),
    [
        (b"In Ghent.", "", "In Ghent.", ""),
        (b'{"output": "In Ghent."}', "", "In Ghent.", ""),
        (b'"In Ghent."', "", "In Ghent.", ""),
        (b"In Ghent.", "text", None, "not JSON"),
        (b'{"answer": "In Ghent."}', "text", None, "has no `text`"),
        (b'{"text": 5}', "text", None, "returned int"),
        (b'{"answer": 5}', "", None, "without `output`"),
    ],
)
def test_a_reply_is_read_or_it_is_an_error(content: bytes, path: str, output: str | None, error: str) -> None:
    with own_server((200, content)) as own:
        (answer,) = run(HttpApp(Endpoint(own.url, response=path)), cases("Where?"))
    assert answer.output == output
    assert error in (answer.error or "")


def test_faults_that_pass_are_tried_again_and_others_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "PAUSE_SECONDS", 0.01)
    with own_server((500, b""), (429, b""), (200, b"Hello")) as own:
        assert run(HttpApp(Endpoint(own.url)), cases("Hi"))[0].output == "Hello"
    with own_server((400, b"no such field")) as own:
        (answer,) = run(HttpApp(Endpoint(own.url)), cases("Hi"))
        assert "HTTP 400: no such field" in (answer.error or "") and len(own.bodies) == 1
    with own_server((503, b"busy")) as own:
        assert "HTTP 503" in (run(HttpApp(Endpoint(own.url)), cases("Hi"))[0].error or "")
        assert len(own.bodies) == 3


def test_a_reply_that_is_too_large_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "MAX_REPLY_BYTES", 1_000)
    monkeypatch.setattr(http_module, "TRIES", 1)
    with own_server((200, b"x" * 1_000), (200, b"x" * 1_001)) as own:
        fits, too_large = run(HttpApp(Endpoint(own.url, workers=1)), cases("Hi", "Hello"))
    assert fits.output == "x" * 1_000
    assert "a reply of more than 1,000 bytes is too large" in (too_large.error or "")


def test_an_endpoint_that_is_not_there_stops_the_run_at_once() -> None:
    with own_server((200, b"")) as gone:
        pass
    started = time.monotonic()
    with pytest.raises(ModelError, match="Nothing answers at"):
        run(HttpApp(Endpoint(gone.url)), cases("Hi"))
    assert time.monotonic() - started < 2


def test_a_template_puts_values_in_once_and_names_what_it_does_not_have() -> None:
    question = {"input": "{{prompt}} \\1", "prompt": "P", "documents": [{"id": 1}]}
    assert fill({"a": ["x {{input}}"], "b": "{{documents}}", "c": "{{documents}}!"}, question) == {
        "a": ["x {{prompt}} \\1"],
        "b": [{"id": 1}],
        "c": '[{"id": 1}]!',
    }
    with pytest.raises(SettingsError, match=r"\{\{user\}\}; there are input, prompt, documents"):
        fill("{{user}}", question)


def test_recorded_answers_are_found_by_case_by_trace_and_by_message() -> None:
    rows: list[dict[str, Any]] = [
        {"case_id": "g-0", "output": "by case"},
        {"trace_id": "t-1", "output": "by trace"},
        {"input": "Two?", "output": "by message"},
        {"case_id": "g-3", "error": "timeout"},
    ]
    app = read_answers(enumerate(rows, 1), "answers.jsonl")
    answers = run(app, cases("Zero?", "One?", "Two?", "Three?", "Four?"))
    assert [a.output for a in answers] == ["by case", "by trace", "by message", None, None]
    assert [a.error for a in answers[3:]] == ["timeout", "no recorded answer"]


def test_the_repeats_of_a_case_are_its_recorded_answers_in_turn() -> None:
    app = read_answers(enumerate([{"case_id": "g-0", "output": x} for x in "ab"], 1), "answers.jsonl")
    assert [run(app, cases("Zero?"), repeat=k)[0].output for k in range(3)] == ["a", "b", None]


def test_a_recorded_answer_of_no_case_is_reported_with_its_line() -> None:
    with pytest.raises(CorruptFileError, match=r"answers\.jsonl, line 7"):
        read_answers([(7, {"output": "x"})], "answers.jsonl")


@dataclass
class FakeCells:
    """`Cells` in memory."""

    kept: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def get(self, key: str) -> Mapping[str, Any] | None:
        return self.kept.get(key)

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        self.kept[key] = value


def test_an_answer_is_asked_for_once_per_prompt_case_version_and_repeat_and_errors_never_stay() -> None:
    said = Answer("Fine.", None, 7.0, ("d1",), "stop", ({"id": "c"},), 3, 2, 0.25)
    inner = FakeApp(lambda p, c: Answer(None, "timeout") if c.input == "bad" else said)
    app = RememberedApp(inner, FakeCells())
    first, again = (run(app, cases("good", "bad")) for _ in range(2))
    assert inner.asked == [("g-0", 0), ("g-1", 0), ("g-1", 0)]
    assert (first[0], again[0]) == (said, Answer(**{**vars(said), "cached": True}))
    for changed in ({"prompt": "Be long."}, {"repeat": 1}):
        run(app, cases("good"), **changed)
    inner.version = "app-2"
    run(app, cases("good"))
    assert len(inner.asked) == 6


def test_an_answer_of_odd_values_is_an_error_or_does_without_them() -> None:
    assert answer_of({"output": "x", "latency_ms": -1, "input_tokens": "many", "cost_usd": "0.02"}) == Answer(
        "x", cost_usd=None
    )
    assert answer_of({"output": "x", "cost_usd": None}).cost_usd is None
    assert answer_of(None).error == "the app returned NoneType, not a text or a mapping"
    assert answer_of({"output": "x", "error": "half"}).error == "half"


def test_tool_calls_without_a_text_are_an_answer() -> None:
    call = {"function": {"name": "look_up", "arguments": "{}"}}
    for output in ({}, {"output": None}, {"output": ""}):
        assert answer_of({**output, "tool_calls": [call]}) == Answer("", tool_calls=(call,), cost_usd=None)


@pytest.mark.parametrize("calls", ["look_up", ["look_up"], {"name": "look_up"}, 7])
def test_tool_calls_that_cannot_be_read_are_an_error_and_never_no_calls(calls: Any) -> None:
    answer = answer_of({"output": "Done.", "tool_calls": calls})
    assert answer.output is None and "tool_calls" in (answer.error or "")


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1, "0.02", True])
def test_a_cost_that_is_no_number_is_not_known_and_tokens_are_not_counted(odd: Any) -> None:
    answer = answer_of({"output": "x", "cost_usd": odd, "input_tokens": odd, "latency_ms": odd}, 5.0)
    assert (answer.cost_usd, answer.input_tokens, answer.latency_ms) == (None, 0, 5.0)


def test_a_recorded_row_that_is_no_object_is_named_by_its_line() -> None:
    with pytest.raises(CorruptFileError, match=r"answers\.jsonl, line 3: a recorded answer must be an object, not str"):
        read_answers([(1, {"case_id": "g-1", "output": "x"}), (3, "Hello")], "answers.jsonl")  # type: ignore[list-item]
