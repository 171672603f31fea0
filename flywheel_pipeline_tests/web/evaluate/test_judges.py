"""The page of judges: every disagreement with both verdicts, and corrections that are labels like any other."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from flywheel_pipeline.flows.annotate import collect_labels
from flywheel_pipeline.flows.evaluate import judges_of
from flywheel_pipeline.flows.judges import read_judges
from flywheel_pipeline.records import Annotation
from flywheel_pipeline.web import mount_pages, pages_of
from flywheel_pipeline_tests.builders import an_alignment, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.web.evaluate.reviewing import put_judges

with warnings.catch_warnings():  # it would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

COVERS = ("flows/judges.py", "web/evaluate/judges.py")
API = "/evals/judges/api/"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    put_judges(made)
    return made


@pytest.fixture
def client(place: Place) -> TestClient:
    routes = mount_pages(pages_of(place.bench), None)
    return TestClient(Starlette(routes=routes), base_url="http://127.0.0.1:4318")


def board(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(API + "board").json()
    return found


def act(client: TestClient, action: str, trace: str = "", **sent: Any) -> Any:
    return client.post(API + action, json={"judge": "judge:rude", "trace": trace, **sent})


def events(place: Place) -> list[dict[str, Any]]:
    path = place.root / "labels" / ".drafts" / "mira.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def submitted(place: Place) -> list[dict[str, Any]]:
    files = sorted((place.root / "labels").glob("*.jsonl"))
    return [json.loads(line) for f in files for line in f.read_text().splitlines()]


def test_disagreements_are_shown_by_kind_and_what_other_versions_or_checks_said_is_not(client: TestClient) -> None:
    found = board(client)
    assert [(d["trace"], d["kind"], d["expert"], d["split"], d["done"]) for d in found["disagreements"]] == [
        ("r1", "false pass", "fail", "dev", ""), ("ok1", "false fail", "pass", "", ""),
        ("r2", "unsure", "fail", "train", ""),
    ]  # fmt: skip
    (judge,) = found["judges"]
    assert (judge["name"], judge["status"], judge["next"]) == (
        "Is rude to people", "advisory", "label 9 more fails and 1 more pass",
    )  # fmt: skip
    assert (judge["fails"]["n_right"], judge["fails"]["n"]) == (1, 3)
    assert judge["fails"]["low"] == pytest.approx(0.0615, abs=1e-3)
    assert judge["fails"]["high"] == pytest.approx(0.7923, abs=1e-3)
    assert judge["counts"] == {"false pass": 1, "false fail": 1, "unsure": 1}


def test_an_item_has_both_verdicts_and_the_trace_escaped(client: TestClient) -> None:
    found = client.get(API + "item?judge=judge:rude&trace=r1").json()
    assert found["explanation"].startswith("Nothing rude in it.")
    assert (found["label"]["verdict"], found["label"]["code"], found["mode"]) == (
        "fail", "is rude", "Is rude to people",
    )  # fmt: skip
    assert "Hold the button for three seconds." in found["html"]
    assert client.get(API + "messages?key=r1&start=0").json()["html"]
    assert client.get(API + "text?key=r1&address=m0.0").json()["text"]
    for path in ("item?judge=judge:rude&trace=r3", "item?judge=x&trace=r1", "messages?key=nowhere", "text?key=nowhere"):
        assert client.get(API + path).status_code == 404


def test_a_correction_to_pass_is_a_label_on_the_disk_when_it_is_answered(client: TestClient, place: Place) -> None:
    reply = act(client, "correct", "r1")
    assert reply.status_code == 200
    assert next((d["trace"], d["done"]) for d in reply.json()["disagreements"]) == ("r1", "corrected")
    assert [(e["event"], e["key"], e["verdict"], e["annotator"]) for e in events(place)] == [
        ("label", "r1", "pass", "mira")
    ]
    assert reply.json()["n_pending"] == 1


def test_a_correction_to_fail_is_of_the_judges_mode_in_the_experts_words_or_none(
    client: TestClient, place: Place
) -> None:
    act(client, "correct", "ok1", comment="It snaps at the user.", first_failure_step=1)
    act(client, "undo")
    act(client, "correct", "ok1")
    first, _, second = events(place)
    assert (first["comment"], first["first_failure_step"], first["category"]) == (
        "It snaps at the user.", 1, "Is rude to people",
    )  # fmt: skip
    assert (second["code"], second.get("comment")) == ("Is rude to people", None)  # never the judge's words


def test_a_confirmed_label_is_written_again_as_it_is(client: TestClient, place: Place) -> None:
    found = act(client, "confirm", "r2").json()
    assert {d["trace"]: d["done"] for d in found["disagreements"]} == {"r1": "", "ok1": "", "r2": "confirmed"}
    (label,) = events(place)
    assert (label["verdict"], label["code"]) == ("fail", "is rude") and label["comment"].startswith("It insults.")


def test_another_persons_label_is_confirmed_without_their_words(client: TestClient, place: Place) -> None:
    bens = {"trace_id": "ok1", "annotator": "ben", "verdict": "pass", "code": None, "comment": "Ben's praise."}
    rows = [an_annotation(trace_id="r2", annotator="ben", comment="Ben's words."), an_annotation(**bens)]
    place.lake.write("annotations", rows)
    act(client, "confirm", "r2")
    act(client, "confirm", "ok1")
    fail, good = events(place)
    assert (fail["verdict"], fail["code"], fail.get("comment")) == ("fail", "Is rude to people", None)
    assert (good["verdict"], good.get("comment")) == ("pass", None)


def test_corrections_are_submitted_as_label_rows_and_count_in_the_next_run(client: TestClient, place: Place) -> None:
    act(client, "correct", "r1")
    act(client, "confirm", "ok1")
    assert act(client, "submit").json()["n_submitted"] == 2
    rows = submitted(place)
    assert [(r["trace_id"], r["verdict"]) for r in rows] == [("r1", "pass"), ("ok1", "pass")]
    assert set(rows[0]) == {"trace_id", "verdict", "annotator", "labelled_at", "exported"}
    labels, _ = collect_labels(place.bench)
    assert {(a.trace_id, a.verdict) for a in labels.annotations if a.is_current} == {("r1", "pass"), ("ok1", "pass")}


def test_a_correction_of_a_picked_verdict_is_a_picked_one(client: TestClient, place: Place) -> None:
    place.lake.write("annotations", [replace(a, is_picked=True) for a in place.lake.read("annotations", Annotation)])
    found = act(client, "correct", "r1").json()
    assert "corrected" in {d["trace"]: d["done"] for d in found["disagreements"]}["r1"]
    assert act(client, "undo").json()["key"] == "r1"
    act(client, "correct", "r1")
    act(client, "submit")
    assert [(r["trace_id"], r["is_picked"]) for r in submitted(place)] == [("r1", True)]


@pytest.mark.parametrize("page", ["judges", "label"])
def test_a_correction_overrules_the_experts_own_undated_label_of_another_file(
    client: TestClient, place: Place, page: str
) -> None:
    """Two verdicts of one person without dates would contradict each other, and stop the next run."""
    place.put_labels("first.csv", "trace_id,verdict,comment,annotator\nr1,fail,It insults.,mira\nok1,pass,,mira\n")
    collect_labels(place.bench)
    if page == "judges":
        act(client, "correct", "r1")
    else:
        client.post("/label/api/label", json={"key": "r1", "verdict": "pass"})
    act(client, "submit")
    labels, _ = collect_labels(place.bench)
    assert {(a.trace_id, a.verdict) for a in labels.annotations if a.is_current} == {("r1", "pass"), ("ok1", "pass")}
    assert [a.corrects for a in labels.annotations if a.is_current and a.trace_id == "r1"] == ["fail"]


def test_only_labels_of_this_page_are_undone_here(client: TestClient, place: Place) -> None:
    client.post("/label/api/label", json={"key": "r1", "verdict": "pass"})
    assert act(client, "undo").json()["key"] is None
    act(client, "confirm", "ok1")
    assert act(client, "undo").json()["key"] == "ok1"
    assert [e["event"] for e in events(place)] == ["label", "label", "undo"]


@pytest.mark.parametrize(
    ("action", "sent", "status"),
    [("correct", {"trace": "nope"}, 404), ("confirm", {"judge": "x", "trace": "r1"}, 404), ("burn", {}, 404),
     ("correct", {"judge": "judge:rude", "trace": "ok1", "first_failure_step": -3}, 422),
     ("correct", {"judge": "judge:rude", "trace": "ok1", "comment": ["x"]}, 422)],
)  # fmt: skip
def test_what_is_no_correction_is_refused_and_nothing_is_written(
    client: TestClient, place: Place, action: str, sent: dict[str, Any], status: int
) -> None:
    assert client.post(API + action, json=sent).status_code == status
    assert client.post(API + "confirm?annotator=nobody", json=sent).status_code == 422
    assert not events(place)


def test_a_corrected_trace_becomes_an_example_of_the_judge_only_in_the_train_split(place: Place) -> None:
    """r1 and r3 are dev cases: whatever is said of them, the judge is shown r2 alone."""
    (judge,) = judges_of(place.bench)
    assert judge.examples == ("r",)
    chosen = place.bench.home.reviewed("taxonomy/failure_modes.yaml")
    content = chosen.read()
    mode = content.value["modes"][0]
    mode["members"] = [{"trace_id": t, "text": f"text of {t}"} for t in ("r1", "r2", "r3")]
    mode["judge_examples"] = ["r1", "r3"]  # also where somebody chooses them by hand
    chosen.replace(content.value, content.version)
    assert judges_of(place.bench)[0].examples == ("text of r2",)


def test_a_judge_that_changed_since_is_advisory_whatever_it_was(place: Place, client: TestClient) -> None:
    row = {"evaluator": "judge:rude", "mode_id": "rude", "status": "trusted", "evaluator_version": "before"}
    place.lake.write("judge_alignment", [an_alignment(**row)])
    (judge,) = read_judges(place.bench).judges
    assert (judge.row.status, judge.is_stale) == ("advisory", True)
    (shown,) = board(client)["judges"]
    assert shown["status"] == "changed since" and "the next run measures it again" in shown["next"]


def test_the_board_follows_an_edit_of_the_taxonomy(place: Place, client: TestClient) -> None:
    assert board(client)["judges"][0]["status"] == "advisory"
    file = place.bench.home.reviewed("taxonomy/failure_modes.yaml")
    content = file.read()
    content.value["modes"][0]["definition"] = "It insults people."
    file.replace(content.value, content.version)
    assert board(client)["judges"][0]["status"] == "changed since"


def test_without_judges_the_page_says_nothing_was_measured(tmp_path: Path) -> None:
    empty = read_judges(a_home(tmp_path / "empty").bench)
    assert (empty.judges, empty.disagreements) == ([], [])
