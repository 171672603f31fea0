"""The requests of the page of traces: what is shown, judged, made a test case, sent; what is refused."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from flywheel_pipeline.flows.annotate import collect_labels
from flywheel_pipeline.flows.label_export import export_labels
from flywheel_pipeline.records import GoldenCase, Json
from flywheel_pipeline.web import mount_pages, pages_of
from flywheel_pipeline.web.guard import HEADERS
from flywheel_pipeline_tests.builders import NOON, a_conversation, a_mode, a_sampled_trace, a_trace, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home

with warnings.catch_warnings():  # it would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

COVERS = (
    "web/traces/__init__.py",
    "web/traces/act.py",
    "web/traces/show.py",
)
OURS = "http://127.0.0.1:4318"
EVIL = "<script>window.hacked = 1</script>"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Six traces of two sessions; `t0` and `t1` are in a sampled batch."""
    made = a_home(tmp_path / "home")
    text = "annotate: {arbiter: mira, annotators: [ben], overlap: 1, repeated: 0}\nautomation: {settle_seconds: 0}"
    (made.root / "flywheel.yaml").write_text(text)
    talk = Json(json.dumps(a_conversation("How long is the warranty?", "Two years.", "In Norway?", "Five years.")))
    base = replace(a_trace(), messages=talk, input="In Norway?", output="Five years.")
    traces = [
        replace(base, trace_id=f"t{n}", session_id=f"s{n % 2}", started_at=NOON + timedelta(minutes=n))
        for n in range(5)
    ]
    traces.append(replace(base, trace_id="a/b c#d", session_id=EVIL, input=EVIL, output=EVIL, feedback_comment=EVIL,
                          app=EVIL, model=EVIL, prompt_version=EVIL, tags=Json(json.dumps({"lang": EVIL}))))  # fmt: skip
    made.lake.write("raw_traces", traces)
    made.lake.write("sampled_traces", [a_sampled_trace(trace_id=f"t{n}") for n in range(2)])
    made.lake.write("failure_taxonomy", [a_mode()])
    return made


def client_of(place: Place, token: str | None = None) -> TestClient:
    routes = mount_pages(pages_of(place.bench), token)
    return TestClient(Starlette(routes=routes), base_url=OURS, follow_redirects=False)


@pytest.fixture
def client(place: Place) -> TestClient:
    return client_of(place)


def opened(client: TestClient, trace_id: str, annotator: str = "mira") -> dict[str, Any]:
    params = {"id": trace_id, "annotator": annotator}
    found: dict[str, Any] = client.get("/traces/api/trace", params=params).json()
    return found


def judge(client: TestClient, key: str, verdict: str = "fail", annotator: str = "mira", page: str = "traces") -> Any:
    sent = {"key": key, "verdict": verdict, "comment": "Wrong for Norway."}
    return client.post(f"/{page}/api/label?annotator={annotator}", json=sent)


def collected(client: TestClient, place: Place) -> list[tuple[str, str, bool, bool]]:
    """Submit all labels and read the label files: (trace, verdict, picked, counts)."""
    for annotator in ("mira", "ben"):
        client.post(f"/traces/api/submit?annotator={annotator}", json={})
    rows = collect_labels(place.bench)[0].annotations
    return sorted((a.trace_id, a.verdict, a.is_picked, a.is_current) for a in rows)


def test_the_list_and_its_counts_are_those_of_the_filters(client: TestClient) -> None:
    page = client.get("/traces/api/list?session=s0").json()
    assert page["n"] == 3 and page["next"] is None and page["html"].count("<li ") == 3
    facets = client.get("/traces/api/facets?session=s0").json()
    assert facets["n"] == 3 and ["(none)", "(none)", 3] in facets["values"]["verdict"]
    assert "2025-06-02: 3 traces" in facets["histogram"]
    assert client.get("/traces/api/list?session=none").json() == {"html": "", "n": 0, "next": None, "note": ""}
    for path in ("list?colour=red", "facets?turns=x", "list?after=x"):
        answer = client.get(f"/traces/api/{path}")
        assert answer.status_code == 400 and answer.json()["error"]


def test_what_strangers_wrote_is_escaped_everywhere(client: TestClient) -> None:
    judge(client, "a/b c#d#picked")
    page = client.get("/traces/api/list").json()["html"]
    facets = client.get("/traces/api/facets").json()
    trace = opened(client, "a/b c#d")
    assert all("<script" not in html for html in (page, facets["histogram"], trace["about"], trace["html"]))
    assert "&lt;script&gt;" in page and 'href="#a%2Fb%20c%23d"' in page
    assert client.get("/traces/").headers["content-security-policy"] == HEADERS["Content-Security-Policy"]


def test_a_trace_opens_with_its_session_and_what_is_known(client: TestClient, place: Place) -> None:
    place.lake.write("annotations", [an_annotation(trace_id="t2", annotator="ben", is_picked=True)])
    trace = opened(client, "t2")
    assert (trace["before"], trace["after"], trace["key"], trace["picked"]) == ("t0", "t4", "t2#picked", True)
    assert "Trace 2 of 3" in trace["about"] and "picked: in no rate of traffic" in trace["about"]
    assert "In no sample." in trace["about"] and "Drawn in b (probability 0.5)" in opened(client, "t0")["about"]
    assert trace["modes"] == [["fm-1", "Made up a feature"]] and trace["n_messages"] == 4
    gone = client.get("/traces/api/trace?id=gone")
    assert gone.status_code == 404


def test_a_verdict_on_a_trace_that_no_batch_asked_for_is_picked(client: TestClient, place: Place) -> None:
    assert judge(client, opened(client, "t3")["key"]).json()["n_pending"] == 1
    assert opened(client, "t3")["label"]["comment"] == "Wrong for Norway."
    assert collected(client, place) == [("t3", "fail", True, True)]
    assert "counts, picked" in opened(client, "t3")["about"]
    assert (
        client.get("/label/api/queue").json()["keys"] != [] and "t3#picked" not in client.get("/label/api/queue").text
    )


def test_a_trace_of_the_queue_that_was_not_labelled_there_is_still_asked_for(client: TestClient, place: Place) -> None:
    assert judge(client, opened(client, "t0")["key"]).status_code == 200
    queue = client.get("/label/api/queue?annotator=mira").json()
    assert set(queue["keys"]) == {"t0", "t1"} and queue["verdicts"] == {}
    collected(client, place)
    assert export_labels(place.bench, place.root / "batch.csv", None, "csv", None)[1:] == (2, 0)
    judge(client, "t0", "pass", page="label")
    assert collected(client, place) == [("t0", "fail", True, False), ("t0", "pass", False, True)]


def test_a_verdict_on_a_trace_that_was_labelled_in_the_queue_corrects_that_one(
    client: TestClient, place: Place
) -> None:
    judge(client, "t0", "pass", page="label")
    item = opened(client, "t0")
    assert (item["key"], item["picked"]) == ("t0", False)
    judge(client, "t0", "fail")
    assert collected(client, place) == [("t0", "fail", False, True)]
    assert opened(client, "t0", "ben")["key"] == "t0#picked"


def test_the_arbiter_corrects_what_others_labelled(client: TestClient, place: Place) -> None:
    judge(client, "t1", "pass", "ben", page="label")
    collected(client, place)
    assert opened(client, "t1", "mira")["key"] == "t1"
    judge(client, "t1", "fail", "mira")
    assert collected(client, place) == [("t1", "fail", False, True), ("t1", "pass", False, False)]


@pytest.mark.parametrize("key", ["t2", "gone#picked", "t2#again", "#picked", "t0#picked#picked"])
def test_a_verdict_on_anything_else_is_refused(client: TestClient, key: str) -> None:
    assert judge(client, key).status_code == 422


def test_drafts_and_undo_are_those_of_the_queue(client: TestClient) -> None:
    draft = {"key": "t2#picked", "comment": "half a sen"}
    assert client.post("/traces/api/draft?annotator=mira", json=draft).json() == {"kept": True}
    assert opened(client, "t2")["draft"] == {"comment": "half a sen"} and opened(client, "t2", "ben")["draft"] is None
    judge(client, "t2#picked")
    assert opened(client, "t2")["draft"] is None
    undone = client.post("/label/api/undo?annotator=mira", json={}).json()
    assert undone["key"] == "t2#picked" and opened(client, "t2")["draft"] == {"comment": "Wrong for Norway."}


def test_traces_that_were_sent_come_first_in_the_queue_of_whom_they_were_sent_to(
    client: TestClient, place: Place
) -> None:
    client.get("/label/api/queue")
    sent = {"ids": ["t3", "t0"], "note": f"Is this a promise? {EVIL}", "to": "mira"}
    reply = client.post("/traces/api/send?annotator=ben", json=sent).json()
    assert (reply["n"], reply["to"]) == (2, "mira")
    queue = client.get("/label/api/queue?annotator=mira").json()
    assert queue["batches"] == [[reply["batch"], 2], ["b", 2]] and queue["keys"][:2] == ["t3#picked", "t0#picked"]
    assert client.get("/label/api/queue?annotator=ben").json()["batches"] == [["b", 2]]
    item = client.get("/label/api/item?annotator=mira&key=t3%23picked").json()
    assert item["reason"] == f"ben sent it: Is this a promise? {EVIL}" and item["picked"] is True
    judge(client, "t3#picked", page="label")
    judge(client, "t0", page="label")
    assert collected(client, place) == [("t0", "fail", False, True), ("t3", "fail", True, True)]


def test_test_cases_are_checked_first_and_then_made(client: TestClient, place: Place) -> None:
    sent: dict[str, Any] = {"ids": ["t2"], "check": True}
    (made,) = client.post("/traces/api/case", json=sent).json()["made"]
    assert not made["ok"] and "no verdict" in made["lines"][0]
    sent = {
        **sent,
        "kind": "failure",
        "criteria": "Five years is wrong.",
        "turn": 2,
        "documents": ["doc-1", " ", "doc-2"],
    }
    reply = client.post("/traces/api/case", json=sent).json()
    assert reply["n_new"] == 1 and reply["made"][0]["documents"] == ["doc-1", "doc-2"]
    assert place.lake.read("golden_set", GoldenCase) == []
    del sent["check"]
    assert client.post("/traces/api/case", json={**sent, "reference": "Five."}).json()["n_new"] == 1
    (case,) = place.lake.read("golden_set", GoldenCase)
    assert (case.reference, case.criteria, case.source_trace_id) == ("Five.", "Five years is wrong.", "t2")
    assert case.case_id in opened(client, "t2")["about"] and "Not evaluated yet" in opened(client, "t2")["about"]
    assert "1 golden case" in client.get("/traces/api/list?case=failure").json()["html"]


@pytest.mark.parametrize(
    ("action", "sent"),
    [
        ("case", {}), ("case", {"ids": []}), ("case", {"ids": "t1"}), ("case", {"ids": ["t1"] * 501}),
        ("case", {"ids": ["t1"], "turn": True}), ("case", {"ids": ["t1"], "documents": "a"}),
        ("case", {"ids": ["t1"], "documents": [1]}), ("case", {"ids": ["t1"], "reference": "x" * 20_001}),
        ("send", {"ids": ["gone"]}), ("send", {"ids": [1]}), ("send", {"ids": ["t1"], "to": "eve"}),
        ("view", {"name": "", "query": "app=x"}), ("view", {"name": "v", "query": "colour=red"}),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_with_a_reason(client: TestClient, action: str, sent: dict[str, Any]) -> None:
    answer = client.post(f"/traces/api/{action}", json=sent)
    assert answer.status_code == 422 and answer.json()["error"]


def test_views_are_saved_and_offered(client: TestClient) -> None:
    assert client.post("/traces/api/view", json={"name": "Bad", "query": "feedback=negative"}).status_code == 200
    start = client.get("/traces/api/start").json()
    assert start["views"] == {"Bad": "feedback=negative"} and start["annotators"] == ["mira", "ben"]


def test_a_corrupt_file_and_unknown_requests_are_reported(client: TestClient, place: Place) -> None:
    (place.root / "views.yaml").write_text("- a")
    assert client.get("/traces/api/start").status_code == 500
    assert client.post("/traces/api/burn", json={}).status_code == 404
    assert client.post("/traces/api/send?annotator=eve", json={"ids": ["t1"]}).status_code == 422
    assert client.post("/traces/api/case", json=[]).status_code == 400
    assert client_of(place, "secret").get("/traces/api/list").status_code == 401


def test_similar_traces_are_listed_with_their_similarity_and_what_it_means(client: TestClient, place: Place) -> None:
    page = client.get("/traces/api/list?like=t2").json()
    assert page["n"] == 4 and page["html"].count("similarity 1.00") == 4 and "“In Norway?”" in page["note"]
    assert client.get("/traces/api/facets?like=t2").json()["n"] == 4
    beside = client.get("/traces/api/similar?id=t2").json()["html"]
    assert 'href="#t0"' in beside and 'href="?like=t2"' in beside and 'href="#t2"' not in beside
    alone = client.get("/traces/api/list", params={"like": "a/b c#d"}).json()
    assert alone["n"] == 0 and "No other trace has a similar question" in alone["note"]
    assert "No other trace" in client.get("/traces/api/similar", params={"id": "a/b c#d"}).json()["html"]
    for path in ("list?like=gone", "facets?like=gone", "similar?id=gone", "list?like=t1&like=t2"):
        answer = client.get(f"/traces/api/{path}")
        assert answer.status_code == 400 and answer.json()["error"]


def test_two_people_may_pick_one_trace_and_an_undone_verdict_counts_no_more(client: TestClient, place: Place) -> None:
    judge(client, "t3#picked", "pass", "ben")
    judge(client, "t3#picked", "fail", "mira")
    assert collected(client, place) == [("t3", "fail", True, True), ("t3", "pass", True, False)]  # the arbiter's counts
    client.post("/traces/api/undo?annotator=mira", json={})
    rows = collected(client, place)
    assert ("t3", "pass", True, True) in rows and ("t3", "fail", True, True) not in rows
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id="t3")])  # and is asked for when a sample draws it
    assert client.get("/label/api/queue?annotator=mira").json()["keys"] == ["t3"]
    judge(client, "t3", "fail", "mira", page="label")
    assert ("t3", "fail", False, True) in collected(client, place)


def test_a_trace_that_is_gone_leaves_queue_and_list_and_breaks_nothing(client: TestClient, place: Place) -> None:
    client.post("/traces/api/send?annotator=ben", json={"ids": ["t3"], "to": "mira"})
    judge(client, "t3#picked", "fail", "ben")
    place.lake.write("raw_traces", [a_trace(trace_id="t0")])
    assert "t3#picked" not in client.get("/label/api/queue?annotator=mira").json()["keys"]
    assert client.get("/traces/api/trace?id=t3").status_code == 404
    assert judge(client, "t3#picked", "fail", "mira").status_code == 422
    assert client.get("/traces/api/list?like=t3").status_code == 400
    assert collected(client, place) == [] and place.one("select count(*) from rejects") == 1
