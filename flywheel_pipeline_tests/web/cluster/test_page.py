"""The requests of the page of failure modes: what is saved, what is refused, who may ask."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from flywheel_pipeline.adapters.home.files import PROPOSALS_FILE, TAXONOMY_FILE
from flywheel_pipeline.adapters.home.reviewed import ReviewedFile
from flywheel_pipeline.steps.cluster.proposals import load_proposals
from flywheel_pipeline.steps.cluster.propose import ProposedChange
from flywheel_pipeline.web import mount_pages, pages_of
from flywheel_pipeline.web.guard import HEADERS
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.steps.cluster.reviewed import a_mode, actions, known, members, put_taxonomy, taxonomy_of

with warnings.catch_warnings():  # it would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

COVERS = (
    "adapters/home/files.py",
    "flows/cluster/review.py",
    "web/cluster/__init__.py",
    "web/cluster/board.py",
)
OURS = "http://127.0.0.1:4318"
MERGE = ProposedChange("merge", ("late", "rude"), "Merge “LATE” into “RUDE”", "alike: 0.91", examples=("late", "rude"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    (made.root / "flywheel.yaml").write_text("annotate: {arbiter: mira, annotators: [ben]}")
    modes = (a_mode("rude", *(f"r{i}" for i in range(60))), a_mode("late", "l1"))
    put_taxonomy(made, known(*modes), MERGE, loose=["x1"])
    return made


def client_of(place: Place, token: str | None = None) -> TestClient:
    routes = mount_pages(pages_of(place.bench), token)
    return TestClient(Starlette(routes=routes), base_url=OURS, follow_redirects=False)


@pytest.fixture
def client(place: Place) -> TestClient:
    return client_of(place)


def board(client: TestClient, whole: str = "") -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/taxonomy/api/board?whole={whole}").json()
    return found


def act(client: TestClient, **sent: Any) -> Any:
    return client.post("/taxonomy/api/act", json={"version": board(client)["version"], **sent})


def test_the_board_shows_modes_with_their_failures_those_in_none_and_what_is_proposed(client: TestClient) -> None:
    reported = board(client)
    assert [(m["mode_id"], m["rank"], m["n"], len(m["failures"])) for m in reported["modes"]] == [
        ("rude", 1, 60, 50), ("late", 2, 1, 1),
    ]  # fmt: skip
    assert reported["modes"][1]["failures"][0] == {
        "trace_id": "l1", "text": "l", "comment": "It was l.", "by": "LLM", "confidence": 0.9, "gone": False, "picked": False,
    }  # fmt: skip
    assert (reported["n_unassigned"], reported["unassigned"][0]["text"], reported["people"]) == (
        1,
        "x",
        ["mira", "ben"],
    )
    assert reported["proposals"][0]["what"] == MERGE.what
    assert len(board(client, "rude")["modes"][0]["failures"]) == 60


def test_an_edit_is_on_the_disk_when_it_is_answered_and_the_answer_is_the_new_board(
    place: Place, client: TestClient
) -> None:
    before = board(client)["version"]
    done = act(client, action="move", mode="late", traces=["r1", "x1"], by="ben")
    assert done.status_code == 200 and done.json()["version"] != before
    assert members(taxonomy_of(place))["late"] == ["l1", "r1", "x1"]
    assert {(by, action) for by, action, _ in actions(taxonomy_of(place))} == {("ben", "moved")}
    assert [m["n"] for m in done.json()["modes"]] == [59, 3] and done.json()["n_unassigned"] == 0


def test_an_edit_by_a_stranger_is_the_arbiters(place: Place, client: TestClient) -> None:
    act(client, action="rename", mode="late", value="Is slow", by="mallory")
    assert actions(taxonomy_of(place)) == [("mira", "renamed", ("late",))]


def test_of_two_tabs_the_later_gets_a_conflict_error_and_overwrites_nothing(place: Place, client: TestClient) -> None:
    seen = board(client)["version"]
    assert act(client, version=seen, action="rename", mode="late", value="Is slow").status_code == 200
    late = act(client, version=seen, action="rename", mode="late", value="Is very slow")
    assert late.status_code == 409 and "nothing was overwritten" in late.json()["error"]
    assert taxonomy_of(place).mode("late").name == "Is slow"


def test_an_edit_in_an_editor_meanwhile_is_not_overwritten(place: Place, client: TestClient) -> None:
    seen, path = board(client)["version"], place.root / TAXONOMY_FILE
    path.write_text(path.read_text("utf-8").replace("name: LATE", "name: Too late"), "utf-8")
    assert act(client, version=seen, action="retire", mode="rude").status_code == 409
    assert [m.name for m in taxonomy_of(place).modes] == ["RUDE", "Too late"] and taxonomy_of(place).history == ()


@pytest.mark.parametrize(
    ("sent", "status", "reported"),
    [
        ({"action": "rename", "mode": "late", "value": "rude"}, 422, "another mode is called"),
        ({"action": "retire", "mode": "nobody"}, 422, "No mode is called"),
        ({"action": "move", "mode": "late", "traces": ["t99"]}, 422, "no failure is labelled"),
        ({"action": "burn", "mode": "late"}, 422, "the action must be one of"),
        ({"proposal": "p-1", "action": "accept"}, 422, "no open proposal"),
        ({"proposal": ["p"], "action": "reject"}, 422, "no open proposal"),
        ({"proposal": MERGE.proposal_id, "action": "burn"}, 422, "accepted or rejected"),
        ({"version": None}, 400, "version"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    place: Place, client: TestClient, sent: dict[str, Any], status: int, reported: str
) -> None:
    before = (place.root / TAXONOMY_FILE).read_bytes()
    refused = act(client, **sent)
    assert refused.status_code == status and reported in refused.json()["error"]
    assert (place.root / TAXONOMY_FILE).read_bytes() == before


def test_an_accepted_proposal_is_done_and_a_rejected_one_is_remembered(place: Place, client: TestClient) -> None:
    done = act(client, proposal=MERGE.proposal_id, action="accept", by="ben")
    assert done.status_code == 200 and done.json()["proposals"] == []
    assert taxonomy_of(place).mode("late").merged_into == "rude" and [m["n"] for m in done.json()["modes"]] == [61]
    put_taxonomy(place, known(a_mode("rude", "r1"), a_mode("late", "l1")), MERGE)
    assert act(client, proposal=MERGE.proposal_id, action="reject", by="ben").json()["proposals"] == []
    (kept,) = load_proposals(ReviewedFile(place.root / PROPOSALS_FILE).read().value)
    assert (kept.status, kept.by) == ("rejected", "ben")


def test_a_proposal_that_was_decided_on_an_old_board_changes_nothing(place: Place, client: TestClient) -> None:
    seen = board(client)["version"]
    act(client, action="rename", mode="late", value="Is slow")
    assert act(client, version=seen, proposal=MERGE.proposal_id, action="accept").status_code == 409
    assert len(board(client)["proposals"]) == 1


def undo(client: TestClient, **sent: Any) -> Any:
    return act(client, action="undo", **sent)


EDITS: list[dict[str, Any]] = [
    {"action": "rename", "mode": "late", "value": "Is slow"},
    {"action": "define", "mode": "late", "value": "It takes long."},
    {"action": "rate", "mode": "late", "value": "high"},
    {"action": "belongs", "mode": "late", "value": "Being slow to ask back."},
    {"action": "name", "mode": "late", "value": "Is slow"},
    {"action": "move", "mode": "late", "traces": [*(f"r{i}" for i in range(30)), "x1"]},
    {"action": "split", "mode": "rude", "traces": ["r1", "r2"], "name": "Shouts"},
    {"action": "add", "traces": ["x1"], "name": "Strange"},
    {"action": "merge", "mode": "late", "into": "rude"},
    {"action": "accept", "mode": "late"},
    {"action": "retire", "mode": "rude"},
    {"proposal": MERGE.proposal_id, "action": "accept"},
    {"proposal": MERGE.proposal_id, "action": "reject"},
]


def contents(place: Place) -> list[Any]:
    return [ReviewedFile(place.root / name).read().value for name in (TAXONOMY_FILE, PROPOSALS_FILE)]


@pytest.mark.parametrize("edit", EDITS, ids=lambda e: str(e["action"]))
def test_an_undo_leaves_both_files_as_they_were(place: Place, client: TestClient, edit: dict[str, Any]) -> None:
    before = contents(place)
    done = act(client, **edit)
    assert done.status_code == 200 and done.json()["undo"] and contents(place) != before
    undone = undo(client)
    assert (undone.status_code, undone.json()["undo"]) == (200, "") and contents(place) == before


def test_edits_are_undone_one_after_the_other_and_then_there_is_nothing_to_undo(
    place: Place, client: TestClient
) -> None:
    states = [contents(place)]
    for edit in (EDITS[0], EDITS[5], EDITS[8], EDITS[-1]):
        act(client, **edit)
        states.append(contents(place))
    for state in states[-2::-1]:
        assert undo(client).status_code == 200 and contents(place) == state
    refused = undo(client)
    assert refused.status_code == 422 and "nothing to undo" in refused.json()["error"]


def test_what_somebody_else_changed_since_is_not_undone(place: Place, client: TestClient) -> None:
    act(client, **EDITS[0])
    act(client_of(place), action="retire", mode="rude")  # another process
    assert board(client)["undo"] == ""
    before = contents(place)
    assert undo(client).status_code == 409 and contents(place) == before
    act(client, action="rate", mode="late", value="low")
    assert undo(client).status_code == 200 and contents(place) == before
    assert undo(client).status_code == 422  # the rename from before the other's edit stays


def test_an_undo_on_an_old_board_undoes_nothing(place: Place, client: TestClient) -> None:
    seen = board(client)["version"]
    act(client, **EDITS[0])
    before = contents(place)
    assert undo(client, version=seen).status_code == 409 and contents(place) == before


def test_a_group_is_shown_with_three_different_comments(place: Place) -> None:
    group = replace(a_mode("mixed", "a1", "a2", "b1", "c1", "d1"), definition="")
    put_taxonomy(place, known(group))
    (mode,) = board(client_of(place))["modes"]
    assert mode["examples"] == ["It was a.", "It was b.", "It was c."] and mode["definition"] == ""


def test_long_texts_are_cut(place: Place) -> None:
    put_taxonomy(place, known(a_mode("late", "l1")), comment="x" * 30_000, loose=["x1"])
    answer = client_of(place).get("/taxonomy/api/board")
    assert len(answer.content) < 15_000


def test_a_full_disk_is_reported_and_nothing_is_half_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    client, before = client_of(place), (place.root / TAXONOMY_FILE).read_bytes()
    monkeypatch.setattr("flywheel_pipeline.adapters.home.reviewed.replace_text", full)
    refused = act(client, action="retire", mode="late")
    assert refused.status_code == 503 and "No space left on device. Try again." in refused.json()["error"]
    assert (place.root / TAXONOMY_FILE).read_bytes() == before


def test_a_broken_file_is_reported_on_the_page(place: Place, client: TestClient) -> None:
    (place.root / TAXONOMY_FILE).write_text("modes: [")
    refused = client.get("/taxonomy/api/board")
    assert refused.status_code == 500 and "not valid YAML" in refused.json()["error"]


def test_a_home_without_failure_modes_has_a_page(tmp_path: Path) -> None:
    reported = board(client_of(a_home(tmp_path / "new")))
    assert (reported["modes"], reported["unassigned"], reported["proposals"], reported["undo"]) == ([], [], [], "")


def test_the_page_is_guarded_like_the_labelling_page(place: Place, client: TestClient) -> None:
    for path in ("/taxonomy/", "/taxonomy/board.js", "/taxonomy/taxonomy.js", "/taxonomy/api/board"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert {k: answer.headers[k] for k in HEADERS} == HEADERS
    assert client.get("/taxonomy/taxonomy.html").status_code == 404
    assert client.get("/taxonomy/__init__.py").status_code == 404
    assert client.get("/taxonomy/api/board", headers={"host": "evil.example"}).status_code == 421
    evil = {"origin": "https://evil.example"}
    assert client.post("/taxonomy/api/act", json={}, headers=evil).status_code == 403
    assert client.post("/taxonomy/api/act", content="{}", headers={"content-type": "text/plain"}).status_code == 415
    with_token = client_of(place, "s3cret")
    assert with_token.get("/taxonomy/api/board").status_code == 401
    assert with_token.get("/taxonomy/?token=s3cret").status_code == 303
    assert with_token.get("/taxonomy/api/board").status_code == 200
