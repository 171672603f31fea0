"""The golden set only grows: every mode represented, happy paths to match, nothing ever changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden.cases import LabelledTrace, draft_of
from flywheel_pipeline.steps.golden.grow import Growth, Quotas, grow_golden_set
from flywheel_pipeline.steps.golden.ledger import dump_case, load_cases
from flywheel_pipeline.steps.golden.split import split_of
from flywheel_pipeline.steps.golden.synthesise import reworded
from flywheel_pipeline_tests.builders import a_case, a_conversation
from flywheel_pipeline_tests.fakes import FakeEmbed

SUBJECTS = ("hub", "lamp", "door", "camera", "socket", "thermostat", "siren", "valve", "blind", "switch")


def a_fail(trace_id: str, question: str, mode_id: str = "fm-1") -> LabelledTrace:
    messages = json.dumps(a_conversation(question, f"A wrong answer to {trace_id}."))
    return LabelledTrace(trace_id, trace_id, messages, "[]", "A wrong answer.", True, "Wrong.", None, mode_id)


def a_pass(trace_id: str, question: str) -> LabelledTrace:
    messages = json.dumps(a_conversation(question, f"A right answer to {trace_id}."))
    return LabelledTrace(trace_id, trace_id, messages, "[]", "A right answer.", False, None, None, None)


DISCOUNTS = [a_fail(f"d{i}", f"Is there a discount on the {s}", "fm-discount") for i, s in enumerate(SUBJECTS)]
HANDOVERS = [a_fail(f"h{i}", f"Let me speak to a person about my {s}", "fm-handover") for i, s in enumerate(SUBJECTS)]
PASSES = [a_pass(f"p{i}", f"How do I pair one {s} with another") for i, s in enumerate(SUBJECTS * 3)]
PASSES = [replace(p, messages=p.messages.replace("another", f"another{i}")) for i, p in enumerate(PASSES)]
TRACES = [*DISCOUNTS, *HANDOVERS, *PASSES]


def grow(
    traces: Sequence[LabelledTrace],
    existing: Sequence[GoldenCase] = (),
    quotas: Quotas | None = None,
    version: str = "v1",
) -> list[GoldenCase]:
    return list(grow_golden_set(existing, traces, FakeEmbed(), quotas or Quotas(), version).added)


def kinds(cases: Sequence[GoldenCase]) -> Counter[str]:
    return Counter(c.kind for c in cases)


def per_mode(cases: Sequence[GoldenCase], kind: str = "failure") -> Counter[str | None]:
    return Counter(c.mode_id for c in cases if c.kind == kind)


def test_every_mode_is_represented_in_failures_and_variations() -> None:
    rare = a_fail("r1", "Why was I charged twice", "fm-rare")
    added = grow([*TRACES, rare])
    assert set(per_mode(added)) == {"fm-discount", "fm-handover", "fm-rare"}
    assert per_mode(added, "synthetic") == {"fm-discount": 2, "fm-handover": 2, "fm-rare": 2}


def test_there_are_as_many_happy_paths_as_failures_when_there_are_enough_passes() -> None:
    counts = kinds(grow(TRACES))
    assert counts["happy_path"] == counts["failure"] == 20


def test_when_passes_are_few_all_become_happy_paths() -> None:
    assert kinds(grow([*DISCOUNTS, *PASSES[:3]]))["happy_path"] == 3


def test_passes_alone_make_no_cases_before_there_is_a_failure_to_match() -> None:
    assert grow(PASSES) == []


def test_the_passes_closest_to_a_failure_are_among_the_happy_paths() -> None:
    near = [a_pass("n1", "Is there a discount on the gate"), a_pass("n2", "Is there a discount on a gate")]
    added = grow([*PASSES, *near, *DISCOUNTS[:4]])
    happy = {c.source_trace_id for c in added if c.kind == "happy_path"}
    assert {"n1", "n2"} <= happy
    assert len(happy) == 4


def test_a_second_run_adds_nothing() -> None:
    assert grow(TRACES, grow(TRACES), version="v2") == []


def test_a_second_run_through_the_file_adds_nothing() -> None:
    kept = load_cases([json.loads(json.dumps(dump_case(c))) for c in grow(TRACES)])
    assert grow(TRACES, kept, version="v2") == []


def test_new_traces_add_cases_and_never_one_that_exists() -> None:
    existing: list[GoldenCase] = []
    for n in (3, 9, 14, 26, 50):
        added = grow([*TRACES[10:][:n], *TRACES[:n]], existing, version=f"v{n}")
        assert {c.added_in for c in added} <= {f"v{n}"}
        existing = [*existing, *added]
    assert len({c.case_id for c in existing}) == len(existing)
    assert kinds(existing)["happy_path"] >= kinds(existing)["failure"]


def test_a_case_stays_as_it_is_when_its_trace_moves_to_another_mode() -> None:
    existing = grow(TRACES)
    moved = [replace(t, mode_id="fm-other") if t.trace_id == "d1" else t for t in TRACES]
    assert {c.case_id for c in grow(moved, existing)}.isdisjoint(c.case_id for c in existing)
    assert not any(c.kind == "failure" for c in grow(moved, existing))


def test_a_mode_has_at_most_its_quota() -> None:
    many = [a_fail(f"x{i}", f"Question {i} about the {s}") for i, s in enumerate(SUBJECTS * 4)]
    assert per_mode(grow(many)) == {"fm-1": 40}
    assert per_mode(grow(many, quotas=Quotas(max_per_mode=4))) == {"fm-1": 4}


def test_a_mode_has_at_most_its_quota_though_the_traces_of_its_cases_are_gone() -> None:
    old = [a_fail(f"x{i}", f"Question {i} about the {s}") for i, s in enumerate(SUBJECTS * 2)]
    new = [a_fail(f"y{i}", f"Request {i} for a {s}") for i, s in enumerate(SUBJECTS * 2)]
    quotas = Quotas(max_per_mode=6, synthetic_per_mode=0)
    existing = grow(old, quotas=quotas)
    assert per_mode([*existing, *grow(new, existing, quotas)]) == {"fm-1": 6}


def test_a_variation_has_the_family_and_the_split_of_its_source() -> None:
    added = grow(TRACES)
    by_trace = {c.source_trace_id: c for c in added if c.kind == "failure"}
    varied = [c for c in added if c.kind == "synthetic"]
    assert varied
    for case in varied:
        source = by_trace[case.source_trace_id]
        assert (case.family, case.split) == (source.family, source.split)


def test_every_split_is_the_one_that_the_family_decides() -> None:
    assert all(c.split == split_of(c.family) for c in grow(TRACES))


def test_a_near_duplicate_added_later_joins_the_split_of_the_first() -> None:
    question = "my order has not arrived although i paid for it with my card two weeks ago please help"
    existing = grow([a_fail("a", question)])
    later = next(
        c for c in grow([a_fail("a", question), a_fail("b", f"{question} now")], existing) if c.kind == "failure"
    )
    assert (later.family, later.split) == (existing[0].family, existing[0].split)


def test_no_variations_are_made_when_none_are_wanted() -> None:
    assert kinds(grow(TRACES, quotas=Quotas(synthetic_per_mode=0)))["synthetic"] == 0


def test_one_conversation_in_several_traces_is_one_case() -> None:
    assert kinds(grow([a_fail("a", "Is there a discount"), a_fail("b", "Is there a discount")]))["failure"] == 1


def test_questions_that_differ_in_case_only_do_not_make_the_same_variation_twice() -> None:
    added = grow([a_fail("a", "Where is my order?", "fm-1"), a_fail("b", "where is my order?", "fm-2")])
    assert len({c.case_id for c in added}) == len(added)
    assert load_cases([dump_case(c) for c in added]) == added


def test_traces_without_a_question_add_nothing() -> None:
    empty = replace(DISCOUNTS[0], messages="[]")
    assert grow([empty]) == []
    assert grow([]) == []


def growth(traces: Sequence[LabelledTrace], existing: Sequence[GoldenCase] = ()) -> Growth:
    return grow_golden_set(existing, traces, FakeEmbed(), Quotas(), "v1")


def test_it_says_how_many_passes_are_missing_for_the_happy_paths() -> None:
    assert growth([*DISCOUNTS, *PASSES[:3]]).n_passes_missing == 7
    assert growth([*DISCOUNTS, *PASSES]).n_passes_missing == 0


def test_a_retired_failure_leaves_its_place_to_another_and_never_comes_back() -> None:
    many = [a_fail(f"x{i}", f"Question {i} about the {s}") for i, s in enumerate(SUBJECTS * 4)]
    quotas = Quotas(max_per_mode=4, synthetic_per_mode=0)
    existing = grow(many, quotas=quotas)
    retired = [replace(existing[0], status="retired"), *existing[1:]]
    added = grow(many, retired, quotas)
    assert per_mode(added) == {"fm-1": 1}
    assert existing[0].case_id not in {c.case_id for c in added}


def test_a_retired_happy_path_leaves_its_place_to_another_pass() -> None:
    existing = grow([*DISCOUNTS, *PASSES])
    first = next(c for c in existing if c.kind == "happy_path")
    retired = [replace(c, status="retired") if c is first else c for c in existing]
    (added,) = grow([*DISCOUNTS, *PASSES], retired)
    assert added.kind == "happy_path" and added.case_id != first.case_id


def test_every_failure_has_its_own_passing_neighbour_before_one_has_two() -> None:
    fails = [a_fail("f1", "Is there a discount on the gate"), a_fail("f2", "Why does my lamp blink at night")]
    near = [a_pass("n1", "Is there a discount on the door"), a_pass("n2", "Is there a discount on the hub")]
    other = a_pass("n3", "Why does my siren blink at night")
    happy = {c.source_trace_id for c in grow([*fails, *near, other]) if c.kind == "happy_path"}
    assert len(happy) == 2  # one near a failure, one for the rest
    more = {c.source_trace_id for c in grow([*fails, *DISCOUNTS[:2], *near, other, *PASSES[:3]])}
    assert "n3" in more


def test_a_question_like_cases_of_two_splits_is_left_out_and_reported() -> None:
    question = "my order has not arrived although i paid for it with my card two weeks ago please help"
    train, test = (next(f"f-{i}" for i in range(99) if split_of(f"f-{i}") == s) for s in ("train", "test"))
    existing = [
        a_case(case_id="g-1", input=question, family=train, split="train", source_trace_id="t1", session_id="s1"),
        a_case(case_id="g-2", input="Pair it", family=test, split="test", source_trace_id="t2", session_id="s2"),
    ]
    torn = replace(a_fail("t3", f"{question} now", "fm-new"), session_id="s2")
    grown = growth([torn], existing)
    assert grown.added == ()
    assert {d.source_trace_id for d in grown.left_out} == {"t3"}


def test_a_case_remembers_its_conversation_so_that_it_needs_no_trace_to_be_kept_together() -> None:
    existing = grow([replace(a_fail("a", "Is there a discount"), session_id="s1")])
    later = grow([replace(a_fail("b", "Why is my lamp dark", "fm-2"), session_id="s1")], existing)
    assert {c.family for c in (*existing, *later)} == {existing[0].family}


def test_a_variation_names_its_parent_and_how_it_was_made() -> None:
    added = grow(TRACES)
    failures = {c.case_id for c in added if c.kind == "failure"}
    varied = [c for c in added if c.kind == "synthetic"]
    assert all(c.parent_case_id in failures and c.transform for c in varied)


def test_an_accepted_case_joins_with_the_family_of_its_parent() -> None:
    existing = grow([a_fail("a", "Is there a discount on the hub")])
    child = reworded(draft_of(existing[0]), "Any money off for a hub?", "paraphrase")
    (joined,) = grow_golden_set(existing, [], FakeEmbed(), Quotas(), "v2", [child]).added
    assert (joined.kind, joined.family, joined.split) == ("synthetic", existing[0].family, existing[0].split)
    assert (joined.added_in, joined.parent_case_id) == ("v2", existing[0].case_id)
    assert grow_golden_set([*existing, joined], [], FakeEmbed(), Quotas(), "v3", [child]).added == ()


def test_conversations_that_only_end_alike_are_not_near_duplicates() -> None:
    def ending(trace_id: str, *texts: str) -> LabelledTrace:
        return replace(a_fail(trace_id, ""), messages=json.dumps(a_conversation(*texts)))

    one = ending("a", "Is there a discount on the hub", "Yes, shall I apply it?", "Yes.", "Done.")
    other = ending("b", "My lamp blinks all night", "Is it the red one?", "Yes.", "Cut the wire.")
    again = ending("c", "Is there a discount on the hub", "Yes, shall I?", "Yes.", "It is done.")
    families = {c.source_trace_id: c.family for c in grow([one, other, again]) if c.kind == "failure"}
    assert families["a"] == families["c"] != families["b"]
