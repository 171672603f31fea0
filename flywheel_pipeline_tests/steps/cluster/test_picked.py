"""Picked verdicts count as failures and change no rate of traffic, whatever they are."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from flywheel_pipeline.records import Annotation, SampledTrace
from flywheel_pipeline.steps.annotate import LabelFile, resolve_labels
from flywheel_pipeline.steps.cluster import rank_labelled, traffic_pass_rate, weighted_verdicts
from flywheel_pipeline.steps.cluster.modes import Member, Mode
from flywheel_pipeline_tests.builders import a_sampled_trace, an_annotation

COVERS = ("steps/cluster/rank.py", "steps/cluster/weights.py")
N = 30
TRACES = [f"t{n}" for n in range(N)]
verdicts = st.dictionaries(st.sampled_from(TRACES), st.sampled_from(["pass", "fail"]), max_size=N)
names = st.sampled_from(["mira", "ben"])
RATES = ("share", "share_low", "share_high", "share_of", "share_before", "trend")


def samples(batches: int) -> list[SampledTrace]:
    made = []
    for n, trace in enumerate(TRACES):
        probability = (0.9, 0.5, 0.2)[n % 3]
        made.append(
            a_sampled_trace(trace_id=trace, batch=f"b{n % batches}", inclusion_probability=probability,
                            weight=1 / probability, risk=1.0 + n % 2)
        )  # fmt: skip
    return made


def rows(given_by: dict[str, str], annotator: str, **changes: Any) -> tuple[Annotation, ...]:
    return tuple(
        an_annotation(trace_id=t, verdict=v, annotator=annotator, source_line=n, **changes)
        for n, (t, v) in enumerate(given_by.items(), 1)
    )


def counting(*files: tuple[Annotation, ...]) -> list[Annotation]:
    read = [LabelFile(f"{n}.jsonl", own, ()) for n, own in enumerate(files)]
    found = resolve_labels(read, {*TRACES, "far", "away"}, "mira").annotations
    return [a for a in found if a.is_current and a.verdict in ("pass", "fail")]


@given(verdicts, verdicts, names, names, st.integers(1, 2), st.booleans())
def test_picked_verdicts_change_no_weighted_rate(
    drawn: dict[str, str], picked: dict[str, str], by: str, picker: str, batches: int, more: bool
) -> None:
    picked = {**picked, **({"far": "fail", "away": "pass"} if more else {})}
    mode = Mode("fm", "M", "d", members=tuple(Member(t, "note", "LLM", 1.0) for t in (*TRACES[::2], "far")))
    without = counting(rows(drawn, by))
    both = counting(rows(drawn, by), rows(picked, picker, is_picked=True))
    drawn_only = [a for a in both if not a.is_picked]
    key = lambda a: (a.trace_id, a.verdict, a.annotator)  # noqa: E731
    assert sorted(map(key, drawn_only)) == sorted(map(key, without))
    assert {a.trace_id for a in both} == {*drawn, *picked}
    sampled = samples(batches)

    def rate(labels: list[Annotation]) -> Any:
        failed = {a.trace_id: a.verdict == "fail" for a in labels}
        chosen = {a.trace_id for a in labels if a.is_picked}
        return traffic_pass_rate(weighted_verdicts(failed, sampled, chosen))

    assert rate(both) == rate(without)
    (before,), (after,) = (rank_labelled([mode], labels, sampled) for labels in (without, both))
    assert before.share_of == after.share_of and before.trend == after.trend
    assume(before.share_of == "traffic")
    assert {n: asdict(after)[n] for n in RATES} == {n: asdict(before)[n] for n in RATES}


def test_a_picked_failure_counts_for_its_mode() -> None:
    mode = Mode("fm", "M", "d", members=(Member("far", "note", "LLM", 1.0),))
    labels = counting(rows(dict.fromkeys(TRACES, "pass"), "mira"), rows({"far": "fail"}, "mira", is_picked=True))
    (row,) = rank_labelled([mode], labels, samples(1))
    assert (row.n_failures, row.share, row.share_of) == (1, 0.0, "traffic")


def test_a_picked_verdict_counts_where_the_asked_for_ones_are_deferred_only() -> None:
    labels = counting(rows({"t1": "defer"}, "mira"), rows({"t1": "fail"}, "mira", is_picked=True, labelled_at=None))
    assert [(a.verdict, a.is_picked) for a in labels] == [("fail", True)]
