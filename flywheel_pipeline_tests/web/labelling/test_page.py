"""The requests of the labelling page: what is kept, what is refused, who may ask."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette

from flywheel_pipeline.commands.serve import label_source, people_of, serve_home
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline.steps.annotate import read_labels
from flywheel_pipeline.web import labelling_mount
from flywheel_pipeline.web.labelling import Desk
from flywheel_pipeline.web.labelling.guard import HEADERS
from flywheel_pipeline.web.labelling.journal import Journal
from flywheel_pipeline_tests.builders import NOON, a_mode, a_sampled_trace, a_trace, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home

with warnings.catch_warnings():  # it would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

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
    settings = load_settings(place.root, {})
    mount = labelling_mount(place.root / "labels", label_source(settings), people_of(settings), token)
    return TestClient(Starlette(routes=[mount]), base_url=OURS, follow_redirects=False)


@pytest.fixture
def client(place: Place) -> Iterator[TestClient]:
    yield client_of(place)


def say(client: TestClient, key: str, verdict: str = "pass", annotator: str = "mira", **more):
    return client.post(f"/label/api/label?annotator={annotator}", json={"key": key, "verdict": verdict, **more})


def queue(client: TestClient, annotator: str = "mira") -> dict:
    return client.get(f"/label/api/queue?annotator={annotator}").json()


def test_what_is_said_is_on_the_disk_and_there_after_a_restart(place: Place, client: TestClient) -> None:
    assert say(client, "t1", "fail", code="Made it up", first_failure_step=1, severity="high").status_code == 200
    assert say(client, "t2").status_code == 200
    told = queue(client_of(place))
    assert {i["key"]: i["verdict"] for i in told["items"] if i["verdict"]} == {"t1": "fail", "t2": "pass"}
    assert (told["n_pending"], told["modes"], told["annotators"]) == (2, ["Made up a feature"], ["mira", "ben"])
    item = client.get("/label/api/item?key=t1").json()
    assert (item["label"]["code"], item["reason"]) == ("Made it up", "thumbs down")
    assert not {i["verdict"] for i in queue(client, "ben")["items"]} - {None}


def test_handing_in_makes_a_label_file_that_is_read_back_as_it_was_said(place: Place, client: TestClient) -> None:
    say(client, "t1", "fail", comment="=cmd|' /C'!A0 <b>", code="Made it up", first_failure_step=1, category="Made up")
    say(client, "t2", "defer", comment="ask Jo")
    assert list((place.root / "labels").glob("*.jsonl")) == []
    done = client.post("/label/api/hand-in?annotator=mira", json={}).json()
    (file,) = (place.root / "labels").glob("*.jsonl")
    assert (done["file"], done["n"]) == (file.name, 2)
    read = read_labels(file.name, file.read_bytes())
    assert [(a.trace_id, a.verdict, a.comment, a.code, a.category, a.first_failure_step) for a in read.annotations] == [
        ("t1", "fail", "=cmd|' /C'!A0 <b>", "Made it up", "Made up", 1), ("t2", "defer", "ask Jo", None, None, None),
    ]  # fmt: skip
    assert client.post("/label/api/hand-in?annotator=mira", json={}).json() == {"file": "", "n": 0}
    assert {f.name for f in place.bench.home.files("labels")} == {file.name}


def test_undo_takes_back_the_latest_and_says_of_what(client: TestClient) -> None:
    say(client, "t1")
    say(client, "t2")
    assert client.post("/label/api/undo?annotator=mira", json={}).json() == {"key": "t2"}
    assert client.post("/label/api/undo?annotator=mira", json={}).json() == {"key": "t1"}
    assert client.post("/label/api/undo?annotator=mira", json={}).json() == {"key": None}


def test_labels_of_files_of_another_kind_are_shown(place: Place, client: TestClient) -> None:
    place.lake.write("annotations", [an_annotation(trace_id="t3", annotator="mira", verdict="pass")])
    assert {i["key"]: i["verdict"] for i in queue(client)["items"]}["t3"] == "pass"
    assert {i["key"]: i["verdict"] for i in queue(client, "ben")["items"]}["t3"] is None


@pytest.mark.parametrize(
    ("sent", "told"),
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
def test_what_is_no_label_is_refused_with_a_reason(client: TestClient, sent: dict, told: str) -> None:
    answer = client.post("/label/api/label?annotator=mira", json={"key": "t1", **sent})
    assert answer.status_code == 422 and told in answer.json()["error"]
    assert not [i for i in queue(client)["items"] if i["verdict"]]


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 100_000, b'"' + b"x" * 300_000 + b'"'])
def test_what_is_no_json_object_is_refused(client: TestClient, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    assert client.post("/label/api/label?annotator=mira", content=body, headers=headers).status_code == 400


def test_a_trace_that_is_not_in_a_batch_is_not_shown(client: TestClient) -> None:
    assert client.get("/label/api/item?key=nothing").status_code == 404
    assert client.get("/label/nothing").status_code == 404


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    for path in ("/label/", "/label/label.js", "/label/label.css", "/label/api/queue", "/label/nothing"):
        answer = client.get(path)
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
def test_pages_of_other_sites_can_do_nothing(client: TestClient, headers: dict) -> None:
    sent = {"key": "t1", "verdict": "pass"}
    assert client.post("/label/api/label?annotator=mira", json=sent, headers=headers).status_code == 403
    form = client.post("/label/api/label?annotator=mira", data={"key": "t1", "verdict": "pass"})
    assert form.status_code == 415
    assert not [i for i in queue(client)["items"] if i["verdict"]]


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


def test_a_line_that_a_crash_cut_off_is_not_there_and_hurts_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "../mira/é")
    journal.append({"event": "label", "n": 1})
    with journal.path.open("ab") as file:
        file.write(b'{"event": "lab')
    assert [e["n"] for e in journal.events()] == [1]
    journal.append({"event": "label", "n": 2})
    assert [e["n"] for e in journal.events()] == [1, 2]
    assert journal.path.parent == tmp_path / ".drafts"
    assert all(json.loads(line) for line in journal.path.read_text().splitlines())


def test_a_full_disk_is_told_and_nothing_is_kept(place: Place, client: TestClient) -> None:
    (place.root / "labels" / ".drafts").write_text("in the way")
    answer = say(client, "t1")
    assert answer.status_code == 503 and "could not be saved" in answer.json()["error"]


def test_codes_are_offered_only_after_twenty_labels(place: Place) -> None:
    a_batch(place, 25)
    client = client_of(place)
    for i in range(19):
        say(client, f"t{i}", "fail", code=f"Code {i % 3}")
    assert queue(client)["codes"] == []
    say(client, "t19", "fail", code="Code 7")
    assert queue(client)["codes"] == ["Code 7", "Code 0", "Code 2", "Code 1"]


def test_so_many_new_labels_are_handed_in_by_themselves(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, repeated: 0, hand_in_after: 2}")
    client = client_of(place)
    assert [say(client, f"t{i}").json()["n"] for i in range(5)] == [0, 2, 0, 2, 0]
    assert len(list((place.root / "labels").glob("*.jsonl"))) == 2 and queue(client)["n_pending"] == 1


def desk_of(place: Place) -> Desk:
    settings = load_settings(place.root, {})
    return Desk(place.root / "labels", label_source(settings), people_of(settings))


def test_no_more_traces_are_kept_in_memory_than_fit_and_each_is_still_shown(place: Place) -> None:
    a_batch(place, 250)
    desk = desk_of(place)
    desk.max_held = 20_000  # a trace has about 200 characters
    keys = [i["key"] for i in desk.queue("mira")["items"]]
    assert len(keys) == 250
    for key in (keys[0], keys[-1], keys[0]):
        assert desk.item("mira", key, False)["trace_id"] == key
    assert len(desk._traces) < 130 and desk._held <= 20_000


def test_the_newest_batch_comes_first_and_a_queue_has_an_end(place: Place) -> None:
    rows = [a_sampled_trace(batch=b, trace_id=f"t{i}") for i, b in enumerate("acbac")]
    place.lake.write("sampled_traces", rows)
    desk = desk_of(place)
    assert [i["batch"] for i in desk.queue("mira")["items"]] == ["c", "c", "b", "a", "a"]
    desk.max_items = 3
    assert {i["key"] for i in desk.queue("mira")["items"]} == {"t1", "t4", "t2"}


def test_a_trace_that_was_drawn_twice_is_shown_once_for_its_latest_reason(place: Place) -> None:
    rows = [a_sampled_trace(batch=b, trace_id="t1", reason=f"drawn for {b}") for b in "acb"]
    place.lake.write("sampled_traces", rows)
    desk = desk_of(place)
    assert [(i["key"], i["batch"]) for i in desk.queue("mira")["items"]] == [("t1", "c")]
    assert desk.item("mira", "t1", False)["reason"] == "drawn for c"


def test_tags_are_among_the_badges(place: Place) -> None:
    tags = json.dumps({"channel": "phone", "tags": {"team": "blue", "odd": [1]}, "n": 3, "empty": ""})
    place.lake.write("raw_traces", [a_trace(tags=tags)], part="2025-06-02")
    assert desk_of(place).item("mira", "t1", False)["badges"][-3:] == ["channel: phone", "n: 3", "team: blue"]


def test_there_is_nothing_else_to_do(client: TestClient) -> None:
    answer = client.post("/label/api/promote?annotator=mira", json={"key": "t1", "verdict": "pass"})
    assert answer.status_code == 404 and not [i for i in queue(client)["items"] if i["verdict"]]


def test_a_journal_that_somebody_damaged_is_told_with_its_line(place: Place, client: TestClient) -> None:
    say(client, "t1")
    (journal,) = (place.root / "labels" / ".drafts").iterdir()
    journal.write_bytes(journal.read_bytes() + b"[1]\n")
    answer = client.get("/label/api/queue?annotator=mira")
    assert answer.status_code == 500 and "line 2 is no event" in answer.json()["error"]


def test_what_was_judged_before_is_not_in_the_queue(place: Place, client: TestClient) -> None:
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id="t1"), a_sampled_trace(trace_id="t2", to_label=False)])
    assert [i["key"] for i in queue(client)["items"]] == ["t1"]


def test_flywheel_label_serves_the_page_and_ends_in_order(place: Place) -> None:
    command = (
        sys.executable,
        "-m",
        "flywheel_pipeline.cli",
        "label",
        "--home",
        str(place.root),
        "--port",
        "0",
        "--no-browser",
    )
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(2)][1]
    url = told.removeprefix("Labelling page: ").strip()
    try:
        assert b"<title>Labelling</title>" in urllib.request.urlopen(url, timeout=20).read()
        assert len(json.load(urllib.request.urlopen(url + "api/queue", timeout=20))["items"]) == 5
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_the_token_is_not_among_the_arguments_of_the_browser(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYWHEEL_TOKEN", "s3cret")
    opened, said = [], []

    def browse(url: str) -> None:
        opened.append(url)
        raise KeyboardInterrupt  # before it serves

    with pytest.raises(KeyboardInterrupt):
        serve_home(place.root, "127.0.0.1", 0, said.append, browse)
    assert "s3cret" not in "".join([*opened, *said]) and opened[0].endswith("/label/")


def test_an_action_is_synced_to_the_disk_before_it_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    really = os.fsync

    def fsync(fd: int) -> None:
        synced.append(os.fstat(fd).st_ino)
        really(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    journal = Journal(tmp_path, "mira")
    journal.append({"event": "label"})
    file, folder = journal.path.stat().st_ino, journal.path.parent.stat().st_ino
    assert folder in synced and synced[-1] == file  # the name of a new file, and then what is in it
    journal.append({"event": "undo"})
    assert synced[-1] == file and synced.count(file) == 2
