"""The requests of the labelling page: what is kept, what is refused, who may ask."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from flywheel_pipeline.steps.annotate import read_labels
from flywheel_pipeline.web import mount_pages, pages_of
from flywheel_pipeline.web.annotate.service import LabellingService
from flywheel_pipeline.web.annotate.source import people_of, source_of
from flywheel_pipeline.web.guard import HEADERS
from flywheel_pipeline_tests.builders import NOON, a_mode, a_sampled_trace, a_trace, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home

with warnings.catch_warnings():  # it would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

COVERS = (
    "flows/annotate.py",
    "web/annotate/__init__.py",
    "web/annotate/service.py",
    "web/annotate/labels.py",
    "web/annotate/drafts.py",
    "web/annotate/tables.py",
    "web/annotate/source.py",
    "web/annotate/badges.py",
    "web/guard.py",
    "web/pages.py",
)
OURS = "http://127.0.0.1:4318"


def a_batch(place: Place, n: int = 5) -> None:
    traces = [replace(a_trace(), trace_id=f"t{i}", input=f"question {i}") for i in range(n)]
    place.lake.write("raw_traces", traces, part=f"{NOON:%Y-%m-%d}")
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id=t.trace_id, reason="thumbs down") for t in traces])
    place.lake.write("failure_taxonomy", [a_mode()])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    (made.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, annotators: [ben], overlap: 1, repeated: 0}")
    a_batch(made)
    return made


def client_of(place: Place, token: str | None = None) -> TestClient:
    routes = mount_pages(pages_of(place.bench), token)
    return TestClient(Starlette(routes=routes), base_url=OURS, follow_redirects=False)


@pytest.fixture
def client(place: Place) -> Iterator[TestClient]:
    yield client_of(place)


def give(client: TestClient, key: str, verdict: str = "pass", annotator: str = "mira", **more: Any) -> Any:
    return client.post(f"/label/api/label?annotator={annotator}", json={"key": key, "verdict": verdict, **more})


def post(client: TestClient, action: str, annotator: str = "mira", **sent: Any) -> Any:
    return client.post(f"/label/api/{action}?annotator={annotator}", json=sent).json()


def queue(client: TestClient, annotator: str = "mira") -> Any:
    return client.get(f"/label/api/queue?annotator={annotator}").json()


def item(client: TestClient, key: str, annotator: str = "mira") -> Any:
    return client.get(f"/label/api/item?annotator={annotator}&key={key}").json()


def test_what_is_said_is_on_the_disk_and_there_after_a_restart(place: Place, client: TestClient) -> None:
    assert give(client, "t1", "fail", code="Made it up", first_failure_step=1, severity="high").status_code == 200
    assert give(client, "t2").status_code == 200
    reported = queue(client_of(place))
    assert reported["verdicts"] == {"t1": "fail", "t2": "pass"}
    assert (reported["n_pending"], reported["modes"], reported["annotators"]) == (
        2,
        ["Made up a feature"],
        ["mira", "ben"],
    )
    found = item(client, "t1")
    assert (found["label"]["code"], found["reason"]) == ("Made it up", "thumbs down")
    assert queue(client, "ben")["verdicts"] == {}


def test_submitting_makes_a_label_file_that_is_read_back_as_it_was_given(place: Place, client: TestClient) -> None:
    give(client, "t1", "fail", comment="=cmd|' /C'!A0 <b>", code="Made it up", first_failure_step=1, category="Made up")
    give(client, "t2", "defer", comment="ask Jo")
    assert list((place.root / "labels").glob("*.jsonl")) == []
    done = post(client, "submit")
    (file,) = (place.root / "labels").glob("*.jsonl")
    assert (done["file"], done["n"]) == (file.name, 2)
    read = read_labels(file.name, file.read_bytes())
    assert [(a.trace_id, a.verdict, a.comment, a.code, a.category, a.first_failure_step) for a in read.annotations] == [
        ("t1", "fail", "=cmd|' /C'!A0 <b>", "Made it up", "Made up", 1), ("t2", "defer", "ask Jo", None, None, None),
    ]  # fmt: skip
    assert post(client, "submit") == {"file": "", "n": 0}
    assert {f.name for f in place.bench.home.files("labels")} == {file.name}


def test_undo_withdraws_the_latest_label_and_makes_a_draft_of_what_was_written(client: TestClient) -> None:
    give(client, "t1")
    give(client, "t2", "fail", comment="Rude", first_failure_step=1)
    assert post(client, "undo") == {"key": "t2", "verdict": None, "n_pending": 1}
    assert item(client, "t2")["draft"] == {"comment": "Rude", "first_failure_step": 1}
    assert post(client, "undo") == {"key": "t1", "verdict": None, "n_pending": 0}
    assert post(client, "undo") == {"key": None}
    assert queue(client)["drafts"] == ["t2"]


def test_an_undo_after_the_labels_were_submitted_counts_in_the_next_file(place: Place, client: TestClient) -> None:
    for verdict in ("pass", "fail"):
        give(client, "t1", verdict, comment="no")
        post(client, "submit")
    post(client, "undo")
    assert post(client, "submit")["n"] == 1
    rows = [json.loads(p.read_text()) for p in sorted((place.root / "labels").glob("*.jsonl"))]
    assert [r["verdict"] for r in rows] == ["pass", "fail", "pass"]
    assert rows[2]["labelled_at"] > rows[1]["labelled_at"]


def test_a_draft_is_kept_until_its_item_is_labelled(place: Place, client: TestClient) -> None:
    assert post(client, "draft", key="t1", comment="It made up ", code="", first_failure_step=1) == {"kept": True}
    again = client_of(place)  # a restart
    assert item(again, "t1")["draft"] == {"comment": "It made up", "first_failure_step": 1}
    assert queue(again)["drafts"] == ["t1"] and queue(again)["verdicts"] == {}
    assert item(again, "t1", "ben")["draft"] is None
    give(again, "t1", "fail", comment="It made up a plan")
    assert item(again, "t1")["draft"] is None and queue(again)["drafts"] == []


def test_a_draft_that_is_emptied_or_says_what_the_label_says_is_no_draft(client: TestClient) -> None:
    post(client, "draft", key="t1", comment="It")
    assert post(client, "draft", key="t1", comment=" ") == {"kept": False}
    give(client, "t2", "fail", comment="Rude", severity="high")
    assert post(client, "draft", key="t2", comment="Rude", severity="high", code="") == {"kept": False}
    assert post(client, "draft", key="t2", comment="Very rude", severity="high") == {"kept": True}
    assert queue(client)["drafts"] == ["t2"]


def test_a_draft_is_no_label_and_is_not_submitted(place: Place, client: TestClient) -> None:
    post(client, "draft", key="t1", comment="Half a thou")
    assert post(client, "submit") == {"file": "", "n": 0} and not place.bench.home.files("labels")


@pytest.mark.parametrize("sent", [{"key": "t99", "comment": "x"}, {"comment": "x"}, {"key": "t1", "severity": "huge"}])
def test_what_is_no_draft_is_refused(client: TestClient, sent: dict[str, Any]) -> None:
    assert client.post("/label/api/draft", json=sent).status_code == 422
    assert queue(client)["drafts"] == []


def test_labels_of_files_of_another_kind_are_shown(place: Place, client: TestClient) -> None:
    place.lake.write("annotations", [an_annotation(trace_id="t3", annotator="mira", verdict="pass")])
    assert queue(client)["verdicts"] == {"t3": "pass"}
    assert queue(client, "ben")["verdicts"] == {}


@pytest.mark.parametrize(
    ("sent", "reported"),
    [
        ({"verdict": "maybe"}, "pass, fail, defer"),
        ({"verdict": "fail"}, "Say what went wrong first"),
        ({"verdict": "fail", "code": "one two three four five six seven eight nine"}, "at most 8 words"),
        ({"verdict": "fail", "comment": "x" * 20_001}, "longer than 20,000"),
        ({"verdict": "fail", "comment": 7}, "must be text"),
        ({"verdict": "fail", "comment": "x", "first_failure_step": True}, "number of a message"),
        ({"verdict": "fail", "comment": "x", "severity": "huge"}, "severity must be one of"),
        ({"verdict": "pass", "key": "t99"}, "not in your queue"),
        ({"verdict": "pass", "key": ""}, "key of the item"),
    ],
)  # fmt: skip
def test_what_is_no_label_is_refused_with_a_reason(client: TestClient, sent: dict[str, Any], reported: str) -> None:
    answer = client.post("/label/api/label?annotator=mira", json={"key": "t1", **sent})
    assert answer.status_code == 422 and reported in answer.json()["error"]
    assert queue(client)["verdicts"] == {}


def test_a_label_by_a_stranger_is_nobodys(place: Place, client: TestClient) -> None:
    for action in ("label", "draft", "undo", "submit"):
        refused = client.post(f"/label/api/{action}?annotator=mallory", json={"key": "t1", "verdict": "pass"})
        assert refused.status_code == 422 and "not an annotator" in refused.json()["error"]
    assert queue(client)["verdicts"] == {} and not list((place.root / "labels").rglob("*.json*"))


BODIES = [b"{", b"[]", b"[" * 100_000, b'"' + b"x" * 300_000 + b'"', b'{"key": "\\ud800", "verdict": "pass"}']


@pytest.mark.parametrize("body", BODIES)
def test_what_is_no_json_object_is_refused(client: TestClient, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    assert client.post("/label/api/label?annotator=mira", content=body, headers=headers).status_code == 400


def test_a_trace_that_is_not_in_a_batch_is_not_shown(client: TestClient) -> None:
    assert client.get("/label/api/item?key=nothing").status_code == 404
    assert client.get("/label/nothing").status_code == 404


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    for path in (
        "/label/", "/label/label.js", "/label/drafts.js", "/assets/style.css", "/assets/shared.js", "/label/api/queue",
        "/label/nothing", "/assets/nothing", "/assets/pages.py", "/label/label.html",
    ):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == (404 if path.endswith(("nothing", ".py", ".html")) else 200), path
        assert {k: answer.headers[k] for k in HEADERS} == HEADERS


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4318", "127.0.0.1.evil.example", ""])
def test_a_name_that_is_not_ours_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/label/api/queue", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_pages_of_other_sites_can_do_nothing(client: TestClient, headers: dict[str, str]) -> None:
    sent = {"key": "t1", "verdict": "pass"}
    assert client.post("/label/api/label?annotator=mira", json=sent, headers=headers).status_code == 403
    form = client.post("/label/api/label?annotator=mira", data={"key": "t1", "verdict": "pass"})
    assert form.status_code == 415
    assert queue(client)["verdicts"] == {}


def test_our_own_page_may(client: TestClient) -> None:
    headers = {"origin": OURS, "sec-fetch-site": "same-origin"}
    assert client.post("/label/api/label", json={"key": "t1", "verdict": "pass"}, headers=headers).status_code == 200


def test_with_a_token_only_who_has_it_gets_in_and_it_leaves_the_address(place: Place) -> None:
    client = client_of(place, "s3cret")
    assert client.get("/label/").status_code == 401
    assert client.get("/label/?token=wrong").status_code == 401
    entered = client.get("/label/?token=s3cret", headers={"host": "labels.example"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/label/")
    assert "HttpOnly" in entered.headers["set-cookie"] and "SameSite=strict" in entered.headers["set-cookie"]
    cookie = {"cookie": "flywheel_token=s3cret"}
    assert client_of(place, "s3cret").get("/label/api/queue", headers=cookie).status_code == 200


def test_a_full_disk_is_reported_and_nothing_is_kept(place: Place, client: TestClient) -> None:
    (place.root / "labels" / ".drafts").write_text("in the way")
    answer = give(client, "t1")
    assert answer.status_code == 503 and "could not be saved" in answer.json()["error"]


def test_codes_are_offered_only_after_twenty_labels(place: Place) -> None:
    a_batch(place, 25)
    client = client_of(place)
    for i in range(19):
        give(client, f"t{i}", "fail", code=f"Code {i % 3}")
    assert queue(client)["codes"] == []
    give(client, "t19", "fail", code="Code 7")
    assert queue(client)["codes"] == ["Code 7", "Code 0", "Code 2", "Code 1"]


def test_so_many_new_labels_are_submitted_by_themselves(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, repeated: 0, submit_after: 2}")
    client = client_of(place)
    assert [give(client, f"t{i}").json()["n_submitted"] for i in range(5)] == [0, 2, 0, 2, 0]
    assert len(list((place.root / "labels").glob("*.jsonl"))) == 2 and queue(client)["n_pending"] == 1


def service_of(place: Place) -> LabellingService:
    return LabellingService(place.root / "labels", source_of(place.bench), people_of(place.bench.settings))


def test_no_more_traces_are_kept_in_memory_than_fit_and_each_is_still_shown(place: Place) -> None:
    a_batch(place, 250)
    service = service_of(place)
    held = service.conversations
    held.max_characters = 5_000  # a trace has about 200 characters
    keys = service.queue("mira")["keys"]
    assert len(keys) == 250
    for key in (*keys[:60], keys[-1], keys[0]):
        assert service.item("mira", key)["trace_id"] == key
    assert len(held._traces) < 40 and held._n_characters <= 5_000 and len(held._parsed) <= held.most_parsed


def test_the_newest_batch_comes_first(place: Place) -> None:
    rows = [a_sampled_trace(batch=b, trace_id=f"t{i}") for i, b in enumerate("acbac")]
    place.lake.write("sampled_traces", rows)
    found = service_of(place).queue("mira")
    assert found["batches"] == [("c", 2), ("b", 1), ("a", 2)]
    assert [set(found["keys"][:2]), found["keys"][2], set(found["keys"][3:])] == [{"t1", "t4"}, "t2", {"t0", "t3"}]


def test_a_trace_that_was_drawn_twice_is_shown_once_for_its_latest_reason(place: Place) -> None:
    rows = [a_sampled_trace(batch=b, trace_id="t1", reason=f"drawn for {b}") for b in "acb"]
    place.lake.write("sampled_traces", rows)
    service = service_of(place)
    found = service.queue("mira")
    assert (found["keys"], found["batches"]) == (["t1"], [("c", 1)])
    assert service.item("mira", "t1")["reason"] == "drawn for c"


def test_a_batch_that_is_drawn_and_a_trace_that_is_captured_again_are_seen_without_a_restart(place: Place) -> None:
    service = service_of(place)
    assert len(service.queue("mira")["keys"]) == 5 and "question 1" not in service.item("mira", "t1")["html"]
    place.lake.write("raw_traces", [a_trace(trace_id="t1", messages="[]", input="a new question")], part="2025-06-02")
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id="t1")])
    assert service.queue("mira")["keys"] == ["t1"] and "a new question" in service.item("mira", "t1")["html"]


def test_a_sampled_trace_that_is_not_captured_is_not_in_the_queue(place: Place) -> None:
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id=t) for t in ("t1", "gone")])
    assert service_of(place).queue("mira")["keys"] == ["t1"]


def test_a_long_trace_is_read_in_pieces(place: Place, client: TestClient) -> None:
    long = [{"role": "user", "content": f"message {n} " + "x" * 3_000} for n in range(300)]
    long.append({"role": "assistant", "content": "y" * 50_000})
    place.lake.write("raw_traces", [a_trace(trace_id="t1", messages=json.dumps(long))], part=f"{NOON:%Y-%m-%d}")
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id="t1")])
    first = client.get("/label/api/item?key=t1")
    assert len(first.content) < 400_000 and first.json()["n_messages"] == 301 and first.json()["next"] < 100
    last = client.get("/label/api/messages?key=t1&start=299").json()
    assert (last["first"], last["next"]) == (299, None) and "message 299" in last["html"]
    rest = client.get("/label/api/text?key=t1&address=m300.0&start=20000").json()
    assert rest == {"text": "y" * 30_000, "next": None, "n_more": 0}
    assert client.get("/label/api/text?key=t1&address=m301.0").status_code == 404
    assert client.get("/label/api/messages?key=nothing").status_code == 404


def test_tags_are_among_the_badges(place: Place) -> None:
    tags = json.dumps({"channel": "phone", "tags": {"team": "blue", "odd": [1]}, "n": 3, "empty": ""})
    place.lake.write("raw_traces", [a_trace(tags=tags)], part="2025-06-02")
    assert service_of(place).item("mira", "t1")["badges"][-3:] == ["channel: phone", "n: 3", "team: blue"]


@pytest.mark.parametrize(("n", "reported"), [(0, None), (1, "1 tool call"), (2, "2 tool calls")])
def test_badges_count_as_people_do(place: Place, n: int, reported: str | None) -> None:
    place.lake.write("raw_traces", [a_trace(n_tool_calls=n)], part="2025-06-02")
    badges = service_of(place).item("mira", "t1")["badges"]
    assert badges[:2] == ["2025-06-02 12:00 UTC", "1 turn"] and [b for b in badges if "tool" in b] == (
        [reported] if reported else []
    )


def test_there_is_nothing_else_to_do(client: TestClient) -> None:
    answer = client.post("/label/api/promote?annotator=mira", json={"key": "t1", "verdict": "pass"})
    assert answer.status_code == 404 and queue(client)["verdicts"] == {}


def test_a_damaged_journal_is_reported_with_its_line(place: Place, client: TestClient) -> None:
    give(client, "t1")
    (journal,) = (place.root / "labels" / ".drafts").iterdir()
    journal.write_bytes(journal.read_bytes() + b"[1]\n")
    answer = client.get("/label/api/queue?annotator=mira")
    assert answer.status_code == 500 and "line 2 is not an event" in answer.json()["error"]


def test_what_was_judged_before_is_not_in_the_queue(place: Place, client: TestClient) -> None:
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id="t1"), a_sampled_trace(trace_id="t2", to_label=False)])
    assert queue(client)["keys"] == ["t1"]
