"""Which mode to fix first: shares weighted back to production where our own sample allows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flywheel_pipeline.steps.cluster.modes import Member, Mode, taxonomy_version
from flywheel_pipeline.steps.cluster.rank import Evidence, Verdict, rank_labelled, rank_modes, weighted_verdicts
from flywheel_pipeline_tests.builders import a_sampled_trace, an_annotation


def a_mode_of(mode_id: str, *traces: str) -> Mode:
    return Mode(mode_id, mode_id.upper(), "d", members=tuple(Member(t, "note", "LLM", 1.0) for t in traces))


def weight(inclusion_probability: float) -> float:
    sampled = a_sampled_trace(inclusion_probability=inclusion_probability, weight=1 / inclusion_probability)
    return sampled.weight


FLAGGED, ORDINARY = weight(1.0), weight(0.1)


def test_a_share_of_traffic_counts_every_trace_for_those_it_stands_for() -> None:
    verdicts = [
        *(Verdict(f"flagged{i}", True, FLAGGED) for i in range(5)),
        Verdict("rare", True, ORDINARY),
        *(Verdict(f"fine{i}", False, ORDINARY) for i in range(4)),
    ]
    loud = a_mode_of("loud", *(f"flagged{i}" for i in range(5)))
    quiet = a_mode_of("quiet", "rare")
    ranked = rank_modes([loud, quiet], verdicts)
    assert [(r.mode_id, r.n_failures, r.rank) for r in ranked] == [("quiet", 1, 1), ("loud", 5, 2)]
    assert [r.share for r in ranked] == pytest.approx([10 / 55, 5 / 55])
    assert {r.share_of for r in ranked} == {"traffic"}
    assert all(r.share_low < r.share < r.share_high for r in ranked)


def test_without_passes_in_the_sample_shares_are_of_the_labelled_traces() -> None:
    verdicts = [Verdict("a", True, FLAGGED), Verdict("b", True, ORDINARY), Verdict("c", False, None)]
    (row,) = rank_modes([a_mode_of("fm", "b")], verdicts)
    assert row.share == pytest.approx(1 / 3)
    assert row.share_of == "labelled traces"


def test_without_weights_shares_are_of_the_labelled_traces() -> None:
    (row,) = rank_modes([a_mode_of("fm", "a")], [Verdict("a", True, None), Verdict("b", False, None)])
    assert (row.share, row.share_of) == (0.5, "labelled traces")


def test_labels_from_outside_the_sample_count_as_failures_but_not_in_the_share_of_traffic() -> None:
    verdicts = [Verdict("a", True, 2.0), Verdict("b", False, 2.0), *(Verdict(f"x{i}", True, None) for i in range(8))]
    (row,) = rank_modes([a_mode_of("fm", "a", *(f"x{i}" for i in range(8)))], verdicts)
    assert (row.share, row.n_failures) == (0.5, 9)


def test_a_member_whose_verdict_is_now_a_pass_does_not_count() -> None:
    (row,) = rank_modes([a_mode_of("fm", "a", "b")], [Verdict("a", True, None), Verdict("b", False, None)])
    assert (row.n_failures, row.share) == (1, 0.5)


def test_equal_shares_are_ordered_by_failures_and_then_by_id() -> None:
    verdicts = [Verdict("a", True, 1.0), Verdict("b", True, 1.0), Verdict("c", False, 1.0), Verdict("x", True, None)]
    modes = [a_mode_of("zz", "a"), a_mode_of("aa", "b"), a_mode_of("more", "a", "x")]
    assert [(r.mode_id, r.rank) for r in rank_modes(modes, verdicts)] == [("more", 1), ("aa", 2), ("zz", 3)]


def test_a_mode_without_failures_remains_in_the_table_with_the_version_of_all() -> None:
    modes = [a_mode_of("empty"), a_mode_of("fm", "a")]
    ranked = rank_modes(modes, [Verdict("a", True, None)])
    assert [(r.mode_id, r.n_failures, r.share) for r in ranked] == [("fm", 1, 1.0), ("empty", 0, 0.0)]
    assert {r.version for r in ranked} == {taxonomy_version(modes)}


def test_modes_without_any_verdict_have_an_unknown_share() -> None:
    (row,) = rank_modes([a_mode_of("fm")], [])
    assert (row.share, row.share_low, row.share_high) == (0.0, 0.0, 1.0)


def test_only_the_batch_that_holds_most_verdicts_gives_weights() -> None:
    samples = [
        a_sampled_trace(batch="a", trace_id="t1", weight=9.0),
        a_sampled_trace(batch="b", trace_id="t1", weight=2.0),
        a_sampled_trace(batch="b", trace_id="t2", weight=3.0),
        a_sampled_trace(batch="c", trace_id="t9", weight=5.0),
    ]
    found = weighted_verdicts({"t1": True, "t2": False, "t3": False}, samples)
    assert found == [Verdict("t1", True, 2.0), Verdict("t2", False, 3.0), Verdict("t3", False, None)]
    assert weighted_verdicts({"t3": True}, samples) == [Verdict("t3", True, None)]


HALF = [Verdict(f"t{i}", i < 30, 1.0) for i in range(60)]
OFTEN, SELDOM = (
    a_mode_of("often", *(f"t{i}" for i in range(20))),
    a_mode_of("seldom", *(f"t{i}" for i in range(20, 30))),
)


def test_a_severe_mode_comes_before_one_that_is_twice_as_frequent() -> None:
    severe = Evidence(severities={f"t{i}": "high" for i in range(20, 30)})
    rows = rank_modes([OFTEN, SELDOM], HALF, severe)
    assert [(r.mode_id, r.rank, r.severity) for r in rows] == [("seldom", 1, "high"), ("often", 2, None)]
    assert [r.priority for r in rows] == pytest.approx([0.5, 1 / 3])
    assert rows[0].reason.startswith("16.7% of traffic (")
    assert "severity high (set for 10 of its 10 failures); may be tied with the next" in rows[0].reason


def test_an_order_that_the_intervals_bear_is_said_to_be_clear() -> None:
    rare = a_mode_of("rare", "t29")
    assert "clearly before the next" in rank_modes([OFTEN, rare], HALF)[0].reason


def test_a_retired_mode_is_last_and_a_merged_one_is_not_in_the_table() -> None:
    retired = replace(OFTEN, status="retired")
    merged = Mode("gone", "GONE", "d", "retired", merged_into="seldom")
    rows = rank_modes([retired, merged, SELDOM], HALF)
    assert [(r.mode_id, r.status) for r in rows] == [("seldom", "provisional"), ("often", "retired")]
    assert "retired" in rows[1].reason and "next" not in rows[0].reason


def test_labels_give_severity_weights_and_trend() -> None:
    labels = [
        an_annotation(trace_id=f"{b}{i:02}", verdict="fail" if i < n else "pass", severity="high")
        for b, n in (("a", 20), ("b", 2))
        for i in range(40)
    ]
    samples = [a_sampled_trace(batch=a.trace_id[0], trace_id=a.trace_id) for a in labels]
    mode = a_mode_of("fm", *(a.trace_id for a in labels if a.verdict == "fail"))
    (row,) = rank_labelled([mode], labels, samples)
    assert (row.trend, row.share_before, row.severity, row.n_failures) == ("down", 0.5, "high", 22)
    (alone,) = rank_labelled([mode], labels[:40], samples)
    assert (alone.trend, alone.share_before) == ("not known", None)
