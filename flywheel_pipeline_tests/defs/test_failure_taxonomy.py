"""The taxonomy as a run turns it: people's edits stand and reach every table, and nothing is written over them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from flywheel_pipeline.adapters.home.files import PROPOSALS_FILE, TAXONOMY_FILE
from flywheel_pipeline.adapters.home.reviewed import HEAD, ReviewedFile
from flywheel_pipeline.defs.assets.failure_taxonomy import failure_taxonomy
from flywheel_pipeline.defs.assets.golden_set import golden_set
from flywheel_pipeline.errors import ConflictError
from flywheel_pipeline.flows.cluster.build import TRIES, label_batches, review_modes
from flywheel_pipeline.flows.cluster.review import Review
from flywheel_pipeline.flows.evaluate import Evaluator
from flywheel_pipeline.records import Annotation, Json, RawTrace
from flywheel_pipeline.steps.cluster import Failure, Mode, Taxonomy
from flywheel_pipeline_tests.builders import NOON, a_conversation, a_trace, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.steps.cluster.reviewed import a_mode, actions, known, put_taxonomy, taxonomy_of

COVERS = (
    "defs/assets/__init__.py",
    "defs/assets/golden_set.py",
    "flows/cluster/build.py",
)

NOTES = {
    "i": ["invented a discount", "invented a student discount", "invented a discount code", "invented a discount"],
    "h": ["no handover to a person", "no handover to a human", "wanted a person, no handover"],
    "w": ["wall of text pasted", "pasted a wall of text", "wall of text"],
}


def asked(trace_id: str) -> RawTrace:
    messages = json.dumps(a_conversation(f"Question {trace_id}?", f"Answer {trace_id}."))
    return a_trace(trace_id=trace_id, session_id=None, input=f"Question {trace_id}?", messages=Json(messages))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = a_home(tmp_path / "home")
    notes = {f"{k}{n}": note for k, noted in NOTES.items() for n, note in enumerate(noted)}
    fails = [an_annotation(trace_id=t, code=note, comment=None) for t, note in notes.items()]
    passes = [an_annotation(trace_id=f"ok{n}", verdict="pass", code=None, comment=None) for n in range(6)]
    made.lake.write("annotations", [*fails, *passes])
    made.lake.write("raw_traces", [asked(a.trace_id) for a in [*fails, *passes]], part=f"{NOON:%Y-%m-%d}")
    return made


def materialize(place: Place) -> dict[str, dg.MaterializeResult[Any]]:
    results = failure_taxonomy(bench=place.bench)
    assert isinstance(results, Iterator)
    return {str(r.asset_key): r for r in results if isinstance(r, dg.MaterializeResult)}


def modes_by_letter(place: Place) -> dict[str, str]:
    """{first letter of a trace: the mode that it is in}, by the tables."""
    rows = place.lake.frame("select left(trace_id, 1) as k, mode_id from failure_assignments order by trace_id")
    return dict(rows.itertuples(index=False, name=None))


def test_a_first_run_writes_the_file_with_an_entry_for_every_mode_and_a_second_changes_no_byte(place: Place) -> None:
    materialize(place)
    data = (place.root / TAXONOMY_FILE).read_bytes()
    assert data.decode().startswith(HEAD)
    found = taxonomy_of(place)
    assert actions(found) == [("flywheel", "added", (m.mode_id,)) for m in found.modes] and len(found.modes) >= 3
    materialize(place)
    assert (place.root / TAXONOMY_FILE).read_bytes() == data


def test_a_rename_a_move_and_a_merge_reach_every_table_and_stay(place: Place) -> None:
    materialize(place)
    golden_set(bench=place.bench)
    at = modes_by_letter(place)
    review = Review(place.bench)
    review.edit("mira", {"action": "rename", "mode": at["i"], "value": "Makes offers up"})
    review.edit("mira", {"action": "move", "mode": at["w"], "traces": ["h0"]})
    review.edit("mira", {"action": "merge", "mode": at["h"], "into": at["i"]})
    for _ in range(2):
        materialize(place)
        golden_set(bench=place.bench)
    assert place.one(f"select name from failure_taxonomy where mode_id = '{at['i']}'") == "Makes offers up"
    assert place.one(f"select count(*) from failure_taxonomy where mode_id = '{at['h']}'") == 0
    rows = place.lake.frame("select trace_id, mode_id, assigned_by from failure_assignments where trace_id[1] = 'h'")
    assert {r.trace_id: r.mode_id for r in rows.itertuples()} == {"h0": at["w"], "h1": at["i"], "h2": at["i"]}
    assert set(rows[rows["trace_id"] == "h0"]["assigned_by"]) == {"HUMAN"}
    guarded = place.lake.frame("select source_trace_id as t, mode_id from golden_set where kind != 'happy_path'")
    assert {r.mode_id for r in guarded.itertuples() if r.t in ("h1", "h2")} == {at["i"]}
    assert {m.mode_id for m in Evaluator(place.bench, place.bench.llm()).judges()} == {
        at["i"], at["w"],
    }  # fmt: skip
    assert [a for _, a, _ in actions(taxonomy_of(place)) if a != "added"] == ["renamed", "moved", "merged"]


def test_a_golden_case_whose_failure_is_none_any_more_follows_its_merged_mode(place: Place) -> None:
    materialize(place)
    golden_set(bench=place.bench)
    at = modes_by_letter(place)
    rows = place.lake.read("annotations", Annotation)
    place.lake.write("annotations", [replace(a, verdict="pass") if a.trace_id == "h0" else a for a in rows])
    Review(place.bench).edit("mira", {"action": "merge", "mode": at["h"], "into": at["i"]})
    materialize(place)
    golden_set(bench=place.bench)
    assert place.one("select mode_id from golden_set where source_trace_id = 'h0' and kind = 'failure'") == at["i"]


def test_what_a_person_changed_in_the_file_is_in_the_history_after_the_next_run(place: Place) -> None:
    materialize(place)
    path, at = place.root / TAXONOMY_FILE, modes_by_letter(place)
    content = yaml.safe_load(path.read_text("utf-8"))
    by_id = {m["mode_id"]: m for m in content["modes"]}
    by_id[at["i"]]["name"] = "Makes offers up"
    by_id[at["w"]]["members"].append(by_id[at["h"]]["members"].pop())
    path.write_text("# Ours.\n" + yaml.safe_dump(content), "utf-8")
    for _ in range(2):
        materialize(place)
    edits = [e for e in actions(taxonomy_of(place)) if e[1] != "added"]
    assert edits == [("edited file", "renamed", (at["i"],)), ("edited file", "moved", (at["h"], at["w"]))]
    assert taxonomy_of(place).mode(at["w"]).members[-1].assigned_by == "HUMAN"
    assert path.read_text("utf-8").startswith("# Ours.\n")


def test_a_run_that_was_killed_before_it_wrote_its_tables_has_made_no_edit_by_hand(place: Place) -> None:
    materialize(place)
    rows = place.lake.read("annotations", Annotation)
    more = [an_annotation(trace_id=f"x{n}", code="was rude to the customer", comment=None) for n in range(4)]
    place.lake.write("annotations", [*rows, *more])
    tables = [place.root / "lake" / t / "all.parquet" for t in ("failure_taxonomy", "failure_assignments")]
    before = [path.read_bytes() for path in tables]
    materialize(place)
    for path, data in zip(tables, before, strict=True):
        path.write_bytes(data)  # as if the run had been killed after it had replaced the reviewed file
    materialize(place)
    assert "edited file" not in {by for by, _, _ in actions(taxonomy_of(place))}
    assert {m.assigned_by for mode in taxonomy_of(place).modes for m in mode.members} == {"CODE"}


def test_a_run_that_was_killed_before_it_replaced_the_file_has_made_no_edit_by_hand(place: Place) -> None:
    materialize(place)
    path = place.root / TAXONOMY_FILE
    before = path.read_bytes()
    rows = place.lake.read("annotations", Annotation)
    more = [an_annotation(trace_id=f"x{n}", code="was rude to the customer", comment=None) for n in range(4)]
    tables = [place.root / "lake" / t / "all.parquet" for t in ("failure_taxonomy", "failure_assignments")]
    held = [table.read_bytes() for table in tables]
    place.lake.write("annotations", [*rows, *more])
    materialize(place)
    path.write_bytes(before)
    for table, data in zip(tables, held, strict=True):
        table.write_bytes(data)
    materialize(place)
    assert "edited file" not in {by for by, _, _ in actions(taxonomy_of(place))}


def test_data_versions_change_with_what_they_stand_for_and_only_then(place: Place) -> None:
    first, again = materialize(place), materialize(place)
    versions = {k: r.data_version for k, r in first.items()}
    assert {k: r.data_version for k, r in again.items()} == versions
    at = modes_by_letter(place)
    Review(place.bench).edit(None, {"action": "rename", "mode": at["i"], "value": "Makes offers up"})
    renamed = materialize(place)
    changed = [k for k, r in renamed.items() if r.data_version != versions[k]]
    assert len(changed) == 1 and "failure_taxonomy" in changed[0]


def test_an_edit_that_is_made_while_a_run_works_is_kept(place: Place) -> None:
    put_taxonomy(place, known(a_mode("rude", "r1"), a_mode("late", "l1")))
    built: list[Sequence[Mode]] = []

    def build(failures: Sequence[Failure], live: Sequence[Mode]) -> Taxonomy:
        built.append(live)
        if len(built) == 1:  # a person is faster
            Review(place.bench).edit("mira", {"action": "rename", "mode": "rude", "value": "Is impolite"})
        return Taxonomy((*live, a_mode("new", "n1")), ("NEW",))

    done = review_modes(place.bench, [], build, place.bench.llm())
    assert [m.name for m in done.known.modes] == ["Is impolite", "LATE", "NEW"] and len(built) == 2
    assert done.known == taxonomy_of(place)


def test_a_run_gives_up_rather_than_overwrite_what_never_rests(place: Place) -> None:
    put_taxonomy(place, known(a_mode("rude", "r1")))
    names: list[str] = []

    def build(failures: Sequence[Failure], live: Sequence[Mode]) -> Taxonomy:
        names.append(f"Name {len(names)}")
        Review(place.bench).edit("mira", {"action": "rename", "mode": "rude", "value": names[-1]})
        return Taxonomy((*live, a_mode("new", "n1")), ())

    with pytest.raises(ConflictError):
        review_modes(place.bench, [], build, place.bench.llm())
    assert len(names) == TRIES and taxonomy_of(place).mode("rude").name == names[-1]


ALIKE = known(
    a_mode("a", *(f"discount{i}" for i in range(4)), name="Makes a discount up"),
    a_mode("b", *(f"discount{i}" for i in range(4, 7)), name="Invents a discount"),
)


def keep(failures: Sequence[Failure], live: Sequence[Mode]) -> Taxonomy:
    return Taxonomy(tuple(live), ())


def test_a_proposal_waits_in_its_file_and_is_not_made_again_once_it_is_rejected(place: Place) -> None:
    put_taxonomy(place, ALIKE)
    done = review_modes(place.bench, [], keep, place.bench.llm())
    (proposal,) = done.proposals
    (kept,) = ReviewedFile(place.root / PROPOSALS_FILE).read().value["proposals"]
    assert (kept["proposal_id"], kept["kind"], kept["modes"]) == (proposal.proposal_id, "merge", ["b", "a"])
    assert taxonomy_of(place) == ALIKE
    Review(place.bench).reject("mira", proposal.proposal_id)
    again = review_modes(place.bench, [], keep, place.bench.llm())
    assert [p.status for p in again.proposals] == ["rejected"]


def test_a_run_that_may_do_all_does_what_it_proposes(place: Place) -> None:
    put_taxonomy(place, ALIKE)
    (place.root / "flywheel.yaml").write_text("cluster: {apply: all}")
    done = review_modes(place.bench, [], keep, place.bench.llm())
    assert actions(done.known) == [("flywheel", "merged", ("b", "a"))] and done.proposals == ()
    assert taxonomy_of(place) == done.known


def test_label_batches_are_in_the_order_in_which_they_were_labelled(place: Place) -> None:
    rows = [
        an_annotation(trace_id="t2", batch="a.csv", labelled_at=NOON),
        an_annotation(trace_id="t1", batch="b.csv", labelled_at=NOON.replace(day=1)),
        an_annotation(trace_id="t0", batch="c.csv", labelled_at=None),
        an_annotation(trace_id="t3", batch="b.csv", verdict="pass", labelled_at=NOON.replace(day=9)),
    ]
    assert label_batches(rows) == [["t0"], ["t1"], ["t2"]]
