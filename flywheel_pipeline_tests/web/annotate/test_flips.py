"""Flipped cases on the labelling page: blind, durable, and only about the answers that were shown."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from flywheel_pipeline.adapters.home.files import FLIP_LABELS_FILE
from flywheel_pipeline.flows.flips import Flip, flip_labels, flips_to_label
from flywheel_pipeline.flows.improve import decide_on_labels
from flywheel_pipeline.web import mount_pages, pages_of
from flywheel_pipeline.web.annotate.flips import key_of
from flywheel_pipeline_tests.builders import NOON, a_sampled_trace, a_trace
from flywheel_pipeline_tests.flows.comparing import BASE, BETTER, a_home_with_flips, answer_anew, candidate
from flywheel_pipeline_tests.homes import Place

with warnings.catch_warnings():  # it would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home_with_flips(tmp_path / "home")
    made.lake.write("raw_traces", [a_trace()], part=f"{NOON:%Y-%m-%d}")
    made.lake.write("sampled_traces", [a_sampled_trace()])
    return made


@pytest.fixture
def client(place: Place) -> TestClient:
    return TestClient(Starlette(routes=mount_pages(pages_of(place.bench), None)), base_url="http://127.0.0.1:4318")


def post(client: TestClient, action: str, annotator: str = "mira", **sent: Any) -> Any:
    return client.post(f"/label/api/{action}?annotator={annotator}", json=sent)


def get(client: TestClient, name: str, annotator: str = "mira", **asked: Any) -> Any:
    return client.get(f"/label/api/{name}", params={"annotator": annotator, **asked}).json()


def shown_texts(item: dict[str, Any]) -> list[str]:
    """The two answers as they are on the page, the first one first."""
    return re.findall(r"(Right|Made up) answer to question", item["answers"])


def compare(client: TestClient, flip: Flip, **sent: Any) -> Any:
    return post(client, "label", key=key_of(flip), verdict="compared", **sent)


def test_the_batch_is_first_in_the_queue_of_the_arbiter_and_in_no_other(place: Place, client: TestClient) -> None:
    found = get(client, "queue")
    assert found["batches"] == [[f"flips-{BETTER.version}-1", 20], ["b", 1]]
    assert len(found["keys"]) == 21 and found["keys"][-1] == "t1"
    assert get(client, "queue", "noor")["batches"] == [["b", 1]]


def test_an_item_shows_question_documents_and_both_answers_in_an_order_thrown_per_case(
    place: Place, client: TestClient
) -> None:
    orders = set()
    for flip in flips_to_label(place.bench):
        found = get(client, "item", key=key_of(flip))
        assert flip.case.input in found["html"] and "No discounts." in found["html"]
        orders.add(tuple(shown_texts(found)))
        assert (shown_texts(found)[0] == "Right") == flip.is_candidate_first
    assert orders == {("Right", "Made up"), ("Made up", "Right")}


def test_nothing_that_is_sent_says_which_answer_is_the_candidates(place: Place, client: TestClient) -> None:
    """Two cases that differ in their order only are distinguished by the order of the answers alone."""
    for flip in flips_to_label(place.bench):
        sent = json.dumps({k: v for k, v in get(client, "item", key=key_of(flip)).items() if k != "answers"})
        assert not re.search(r"before|after|candidate|production|base", sent.replace("answers", "")), sent
        panels = re.sub(r"(Right|Made up) answer[^<]*", "", get(client, "item", key=key_of(flip))["answers"])
        assert not re.search(rf"{BASE.version}|{BETTER.version}|before|after|candidate|production", panels)


def test_verdicts_are_kept_by_prompt_whatever_the_order_and_reach_the_gate(place: Place, client: TestClient) -> None:
    for flip in flips_to_label(place.bench):
        verdicts = [
            "pass" if text == "Right" else "fail" for text in shown_texts(get(client, "item", key=key_of(flip)))
        ]
        assert compare(client, flip, first=verdicts[0], second=verdicts[1]).status_code == 200
        back = get(client, "item", key=key_of(flip))["label"]
        assert (back["first"], back["second"]) == tuple(verdicts)
    assert place.lines(FLIP_LABELS_FILE) == []
    assert post(client, "submit").json() == {"file": "", "n": 20}
    rows = place.lines(FLIP_LABELS_FILE)
    assert {(r["before"], r["after"], r["annotator"], r["batch"]) for r in rows} == {
        ("fail", "pass", "mira", f"flips-{BETTER.version}-1")
    }
    assert all(r["at"] and r["base"] == BASE.version for r in rows)
    assert not place.bench.home.files("labels")
    decide_on_labels(place.bench)
    assert candidate(place).decision == "ship"
    assert get(client, "queue")["batches"] == [["b", 1]]


def test_traces_and_flipped_cases_are_submitted_together_each_to_its_place(place: Place, client: TestClient) -> None:
    compare(client, flips_to_label(place.bench)[0], first="pass", second="pass")
    post(client, "label", key="t1", verdict="pass")
    done = post(client, "submit").json()
    assert done["n"] == 2 and done["file"].endswith(".jsonl")
    (file,) = place.bench.home.files("labels")
    assert json.loads(file.path.read_text())["trace_id"] == "t1"
    assert len(place.lines(FLIP_LABELS_FILE)) == 1


@pytest.mark.parametrize(
    "sent",
    [{"first": "pass"}, {}, {"first": "pass", "second": "unsure"}, {"first": ["pass"], "second": "pass"}],
)
def test_half_a_verdict_is_refused(place: Place, client: TestClient, sent: dict[str, Any]) -> None:
    assert compare(client, flips_to_label(place.bench)[0], **sent).status_code == 422
    assert get(client, "queue")["n_pending"] == 0


def test_one_verdict_is_a_draft_and_no_label(place: Place, client: TestClient) -> None:
    flip = flips_to_label(place.bench)[0]
    assert post(client, "draft", key=key_of(flip), first="fail", second=None).json() == {"kept": True}
    found = get(client, "item", key=key_of(flip))
    assert found["label"] is None and (found["draft"]["first"], found["draft"]["second"]) == ("fail", None)
    assert get(client, "queue")["drafts"] == [key_of(flip)]
    assert post(client, "submit").json()["n"] == 0
    compare(client, flip, first="fail", second="fail")
    assert get(client, "queue")["drafts"] == []


def test_an_undo_makes_a_draft_of_it_and_after_it_was_submitted_takes_the_label_back(
    place: Place, client: TestClient
) -> None:
    flip = flips_to_label(place.bench)[0]
    compare(client, flip, first="pass", second="fail")
    post(client, "submit")
    labels = flip_labels(place.bench, BASE.version)[BETTER.version]
    assert list(labels) == [flip.case.case_id]
    undone = post(client, "undo").json()
    assert (undone["key"], undone["n_pending"]) == (key_of(flip), 1)
    found = get(client, "item", key=key_of(flip))
    assert (found["label"], found["draft"]["first"], found["draft"]["second"]) == (None, "pass", "fail")
    post(client, "submit")
    assert flip_labels(place.bench, BASE.version) == {BETTER.version: {}}


def test_a_deferred_case_is_no_label(place: Place, client: TestClient) -> None:
    flip = flips_to_label(place.bench)[0]
    assert post(client, "label", key=key_of(flip), verdict="defer", first="pass").status_code == 200
    assert get(client, "queue")["verdicts"] == {key_of(flip): "defer"}
    post(client, "submit")
    assert flip_labels(place.bench, BASE.version) == {BETTER.version: {}}


def test_a_label_of_answers_that_have_changed_meanwhile_is_refused(place: Place, client: TestClient) -> None:
    flip = flips_to_label(place.bench)[0]
    get(client, "queue")
    answer_anew(place, BETTER.version, {flip.case.case_id})
    get(client, "queue")
    refused = compare(client, flip, first="pass", second="fail")
    assert refused.status_code == 422 and "does not ask about this case any more" in refused.json()["error"]
    assert get(client, "item", key=key_of(flip)) == {
        "error": "the gate does not ask about this case any more: reload the page"
    }


def test_another_annotator_cannot_label_it(place: Place, client: TestClient) -> None:
    flip = flips_to_label(place.bench)[0]
    sent = {"key": key_of(flip), "verdict": "compared", "first": "pass", "second": "fail"}
    assert post(client, "label", "noor", **sent).status_code == 422


def test_labels_on_file_are_shown_where_the_journal_is_gone(place: Place, client: TestClient) -> None:
    flip = flips_to_label(place.bench)[0]
    compare(client, flip, first="pass", second="fail")
    post(client, "submit")
    (place.root / "labels" / ".drafts" / "mira.jsonl").unlink()
    assert get(client, "queue")["verdicts"] == {key_of(flip): "compared"}
    label = get(client, "item", key=key_of(flip))["label"]
    assert (label["first"], label["second"]) == ("pass", "fail")
