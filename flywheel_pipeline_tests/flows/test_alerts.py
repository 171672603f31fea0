"""Alerts: each once, as long as it lasts; what an address does not take waits for it alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from flywheel_pipeline.flows.alerts import DAY, Alert, Watch, lasting_alerts
from flywheel_pipeline.records import ProductionHealth
from flywheel_pipeline_tests.builders import a_mode, a_prompt, a_sampled_trace, an_alignment
from flywheel_pipeline_tests.homes import Place, a_home

LASTS = Alert("judge_lost:x", "judge_lost", "A judge lost its vote", "Label more.")
FAILED = Alert("run-1", "run_failed", "label_batch failed", "No disk.")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_home(tmp_path / "home")


def test_what_lasts_is_sent_once_and_again_when_it_comes_back() -> None:
    watch, due = Watch(0).look([LASTS], [], 10)
    assert due == [LASTS]
    watch, due = Watch.of(watch.text, 0).look([LASTS], [], 20)
    assert due == []
    watch, due = watch.look([], [], 30)
    assert watch.look([LASTS], [], 40)[1] == [LASTS]


def test_a_failed_run_is_reported_once_however_often_it_is_seen() -> None:
    watch, due = Watch(0).look([], [FAILED], 10)
    assert due == [FAILED] and Watch.of(watch.text, 0).look([], [FAILED], 20)[1] == []


def test_what_is_to_last_for_days_is_sent_after_that_many() -> None:
    waits = replace(LASTS, after_days=2)
    watch, due = Watch(0).look([waits], [], 0)
    assert due == [] and watch.look([waits], [], 2 * DAY - 1)[1] == []
    assert watch.look([waits], [], 2 * DAY)[1] == [waits]


def test_what_lasts_is_not_sent_again_after_a_look_at_a_home_that_cannot_be_read() -> None:
    watch, _ = Watch(0).look([LASTS], [], 10)
    watch, due = watch.look(None, [FAILED], 20)
    assert due == [FAILED] and watch.look([LASTS], [FAILED], 30)[1] == []


def test_an_address_that_does_not_take_an_alert_gets_it_later_and_the_others_do_not_get_it_twice() -> None:
    got: list[tuple[str, str]] = []
    down = {"b"}

    def post(urls: Sequence[str], title: str, text: str) -> list[bool]:
        got.extend((url, title) for url in urls if url not in down)
        return [url not in down for url in urls]

    watch, n = Watch(0).deliver([LASTS], ["a", "b"], post)
    assert n == 0 and len(watch.waiting) == 1
    watch, n = Watch.of(watch.text, 0).deliver([FAILED], ["a", "b"], post)
    down.clear()
    watch, n = watch.deliver([], ["a", "b"], post)
    assert n == 2 and watch.waiting == ()
    assert sorted(got) == sorted((url, a.title) for url in "ab" for a in (LASTS, FAILED))


def test_a_judge_that_decided_and_decides_no_more_is_reported_until_it_does_again(place: Place) -> None:
    place.lake.write("failure_taxonomy", [a_mode()])
    judge = an_alignment(status="unusable")
    place.lake.write("judge_alignment", [judge])
    assert lasting_alerts(place.bench, ()) == ([], set())
    (lost,), voting = lasting_alerts(place.bench, {judge.evaluator, "judge:gone"})
    assert (lost.kind, voting) == ("judge_lost", {judge.evaluator})
    assert a_mode().name in lost.title


def test_traces_that_wait_for_the_expert_are_reported_after_days(place: Place) -> None:
    (place.root / "flywheel.yaml").write_text("alerts: {urls_env: NOWHERE, labels_after_days: 5}")
    place.append("samples/b.jsonl", [vars(a_sampled_trace(trace_id=f"t{i}", to_label=i > 0)) for i in range(4)])
    (waiting,), _ = lasting_alerts(place.bench, ())
    assert waiting.kind == "labels_waiting" and waiting.title == "3 traces wait for the expert"
    assert waiting.after_days == 5


def test_a_mode_that_got_worse_in_production_is_reported_with_what_to_do(place: Place) -> None:
    prompts = [a_prompt(text) for text in ("Be brief.", "Be kind.")]
    for prompt in prompts:
        place.bench.registry.add(prompt)
        place.bench.registry.promote(prompt.version)
    before, after = (p.version for p in prompts)
    row = ProductionHealth("fm-1", "Made up", before, after, True, 90, 90, 0.1, 0.3, 0.2, 0.1, 0.3, 0.99, 0.2, 0.4, 9,
                           "worse", "open", "30 % after 10 %")  # fmt: skip
    place.lake.write("production_health", [row])
    place.lake.write("failure_taxonomy", [a_mode()])
    (found,), _ = lasting_alerts(place.bench, ())
    assert found.kind == "mode_regressed" and f"`flywheel rollback` puts {before} back" in found.text
