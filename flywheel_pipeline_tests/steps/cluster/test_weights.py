"""Half a batch labelled says what the whole batch would, or nothing."""

from __future__ import annotations

import numpy as np
import pytest

from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.steps.cluster.rank import traffic_pass_rate, weighted_verdicts
from flywheel_pipeline.steps.cluster.weights import label_weights
from flywheel_pipeline_tests.builders import a_sampled_trace


def batch(n_flagged: int, n_ordinary: int) -> list[SampledTrace]:
    flagged = [a_sampled_trace(trace_id=f"f{i:02}", risk=10.0, weight=1.0) for i in range(n_flagged)]
    return [*flagged, *(a_sampled_trace(trace_id=f"o{i:02}", risk=1.0, weight=10.0) for i in range(n_ordinary))]


def test_a_whole_batch_keeps_its_weights() -> None:
    rows = batch(4, 6)
    assert label_weights(rows, {s.trace_id for s in rows}) == {s.trace_id: s.weight for s in rows}


def test_labelled_traces_stand_for_the_others_of_their_kind() -> None:
    rows = batch(10, 20)
    labelled = {s.trace_id for s in rows[:10]} | {f"o{i:02}" for i in range(5)}
    found = label_weights(rows, labelled)
    assert found["f00"] == 1.0 and found["o00"] == pytest.approx(10.0 * 20 / 5)
    assert sum(found.values()) == pytest.approx(sum(s.weight for s in rows))


@pytest.mark.parametrize("n_labelled", [0, 1, 4])
def test_a_kind_with_hardly_any_label_stands_for_nothing_and_no_share_is_claimed(n_labelled: int) -> None:
    rows = batch(10, 20)
    failed = {**{f"f{i:02}": True for i in range(10)}, **{f"o{i:02}": False for i in range(n_labelled)}}
    assert label_weights(rows, failed) == {}
    assert traffic_pass_rate(weighted_verdicts(failed, rows)) is None


def test_what_was_judged_before_the_draw_is_there_for_itself() -> None:
    rows = [*batch(0, 10), a_sampled_trace(trace_id="old", to_label=False, weight=1.0)]
    found = label_weights(rows, {"old", *(f"o{i:02}" for i in range(5))})
    assert found["old"] == 1.0 and found["o00"] == 20.0


def test_flagged_traces_labelled_first_do_not_bias_the_rate() -> None:
    rng, found = np.random.default_rng(2), []
    for _ in range(300):
        rows = batch(30, 60)
        fails = {s.trace_id: bool(rng.random() < (0.6 if s.risk > 1 else 0.1)) for s in rows}
        first = [s.trace_id for s in rows if s.risk > 1] + [f"o{i:02}" for i in rng.choice(60, 15, replace=False)]
        rate = traffic_pass_rate(weighted_verdicts({t: fails[t] for t in first}, rows))
        found.append(rate.value if rate else np.nan)
    truth = 1 - (30 * 0.6 + 600 * 0.1) / 630
    assert float(np.mean(found)) == pytest.approx(truth, abs=0.01)
