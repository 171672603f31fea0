"""A batch: the same design gives the same rows, small frames come whole, weights lead back to production."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.stats import weighted_rate
from flywheel_pipeline.steps.sample import Design, Frame, sample_traces
from flywheel_pipeline_tests.fakes import FakeEmbed

COVERS = ("steps/sample/frame.py",)

DESIGN = Design(since="2025-06-01", until="2025-06-07", size=20, risk_multiplier=10, uniform_share=0.3, seed=1)
TOPICS = ("pair hub", "refund order", "late delivery", "battery empty", "student discount")


def a_frame(trace_id: str = "t1", **flags: Any) -> Frame:
    return Frame(**{"trace_id": trace_id, "input": "How do I pair the hub?", **flags})


def a_population(n: int) -> list[Frame]:
    return [
        a_frame(f"t{i}", input=TOPICS[i % 5], thumbs_down=i % 20 == 0, failed=i % 15 == 0, slow=i % 9 == 0)
        for i in range(n)
    ]


def draw(frame: list[Frame], **changes: Any) -> list[SampledTrace]:
    return sample_traces(frame, replace(DESIGN, **changes), FakeEmbed(), sum(f.n_like for f in frame))


@pytest.mark.parametrize(
    ("flags", "risk", "reason"),
    [
        ({}, 1.0, "ordinary trace, for coverage"),
        ({"slow": True}, 2.8, "unusually slow"),
        ({"many_turns": True, "n_turns": 9, "long": True}, 2.8, "9 turns; unusually long"),
        ({"silent": True}, 5.05, "no answer"),
        ({"doubted": True}, 4.6, "a test case with this question fails"),
        ({"failed": True, "silent": True}, 5.05, "ended in an error; no answer"),
        ({"failed": True, "slow": True}, 6.85, "ended in an error; unusually slow"),
        ({"thumbs_down": True}, 10.0, "thumbs down"),
        ({"thumbs_down": True, "failed": True, "slow": True}, 10.0, "thumbs down; ended in an error; unusually slow"),
    ],
)
def test_a_chosen_trace_says_why_and_how_risky_it_looked(flags: Any, risk: float, reason: str) -> None:
    (row,) = draw([a_frame(**flags)])
    assert row.risk == pytest.approx(risk)
    assert row.reason == reason
    assert row.stratum == ("flagged" if flags else "ordinary")


@pytest.mark.parametrize("n", [1, 19, 20])
def test_a_frame_no_larger_than_the_size_comes_whole_at_weight_one(n: int) -> None:
    rows = draw(a_population(n))
    assert [r.trace_id for r in rows] == [f"t{i}" for i in range(n)]
    assert {(r.inclusion_probability, r.weight, r.n_frame) for r in rows} == {(1.0, 1.0, n)}


def test_nothing_to_draw_from_gives_an_empty_batch() -> None:
    assert draw([]) == []


def test_a_larger_frame_gives_exactly_the_size_in_one_batch_without_repeats() -> None:
    rows = draw(a_population(200))
    assert len(rows) == len({r.trace_id for r in rows}) == 20
    assert {(r.batch, r.seed, r.n_frame) for r in rows} == {(replace(DESIGN).batch, 1, 200)}


def test_weights_are_one_over_the_probability_and_bounded_by_the_floor() -> None:
    rows = draw(a_population(200))
    for row in rows:
        assert row.weight == pytest.approx(1 / row.inclusion_probability, rel=1e-5)
        assert 1 <= row.weight <= 200 / (0.3 * 20) + 1e-6
    assert len({r.weight for r in rows}) > 2


flags = st.fixed_dictionaries(
    {name: st.booleans() for name in ("thumbs_down", "failed", "silent", "many_turns", "slow", "long")}
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(flags, min_size=1, max_size=40), st.integers(1, 40), st.floats(1, 100), st.floats(0, 1))
def test_any_design_draws_valid_rows(population: Any, size: Any, multiplier: Any, uniform_share: Any) -> None:
    frame = [a_frame(f"t{i}", **f) for i, f in enumerate(population)]
    rows = draw(frame, size=size, risk_multiplier=multiplier, uniform_share=uniform_share)
    assert len(rows) == min(size, len(frame))
    for row in rows:
        assert 0 < row.inclusion_probability <= 1
        assert row.weight >= 1
        assert 1 <= row.risk <= multiplier + 1e-6


def test_the_same_frame_and_design_give_the_same_batch_and_another_seed_another() -> None:
    frame = a_population(200)
    assert draw(frame) == draw(frame)
    other = draw(frame, seed=2)
    assert {r.trace_id for r in other} != {r.trace_id for r in draw(frame)}
    assert {r.batch for r in other} != {r.batch for r in draw(frame)}


def test_the_name_of_a_batch_says_its_window_and_size_and_depends_on_the_whole_design() -> None:
    changes: tuple[dict[str, Any], ...] = (
        {}, {"size": 21}, {"seed": 2}, {"risk_multiplier": 9}, {"uniform_share": 0.2}, {"until": "2025-06-08"},
    )  # fmt: skip
    names = [replace(DESIGN, **c).batch for c in changes]
    assert names[0].startswith("2025-06-01_2025-06-07_n20_")
    assert len(set(names)) == len(changes)


def test_a_setting_that_is_written_out_is_the_same_design_as_the_default() -> None:
    assert replace(DESIGN, risk_multiplier=10.0).batch == DESIGN.batch
    assert replace(DESIGN, strata=("model",)).batch != DESIGN.batch == replace(DESIGN, min_per_stratum=3).batch


def test_flagged_traces_are_drawn_more_often_and_all_topics_are_reached() -> None:
    frame = a_population(200)
    topic = {f.trace_id: f.input for f in frame}
    rows = [r for seed in range(10) for r in draw(frame, seed=seed)]
    flagged = sum(f.risk(10) > 1 for f in frame) / 200
    assert np.mean([r.stratum == "flagged" for r in rows]) > 1.5 * flagged
    for seed in range(10):
        assert {topic[r.trace_id] for r in rows if r.seed == seed} == set(TOPICS)


def test_where_no_trace_is_riskier_every_topic_gets_its_share_of_the_batch() -> None:
    frame = [a_frame(f"t{i}", input=TOPICS[i % 5]) for i in range(200)]
    topic = {f.trace_id: f.input for f in frame}
    for seed in range(5):
        assert Counter(topic[r.trace_id] for r in draw(frame, seed=seed)) == dict.fromkeys(TOPICS, 4)


def test_the_rate_from_draws_that_seek_failures_is_the_rate_of_production() -> None:
    rng = np.random.default_rng(2)
    wrong = rng.random(150) < 0.2
    frame = [
        a_frame(f"t{i}", input=TOPICS[i % 5], thumbs_down=bool(w and rng.random() < 0.5), slow=bool(rng.random() < 0.1))
        for i, w in enumerate(wrong)
    ]
    failed = {f.trace_id: bool(w) for f, w in zip(frame, wrong, strict=True)}
    weighted, plain, covered = [], [], []
    for seed in range(200):
        rows = draw(frame, size=30, seed=seed)
        outcomes = [failed[r.trace_id] for r in rows]
        rate = weighted_rate(outcomes, [r.weight for r in rows])
        weighted.append(rate.value)
        plain.append(np.mean(outcomes))
        covered.append(rate.low <= wrong.mean() <= rate.high)
    assert np.mean(weighted) == pytest.approx(wrong.mean(), abs=0.015)
    assert np.mean(plain) > 1.4 * wrong.mean()
    assert np.mean(covered) > 0.9
