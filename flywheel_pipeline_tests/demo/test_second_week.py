"""What happens between the demo's two turns: verdicts on answers, a consent for once, a week under the new prompt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flywheel_pipeline.demo import second_week
from flywheel_pipeline.demo.record import FIRST_VERSION, PROMPT_NAME
from flywheel_pipeline.demo.second_week import consent_to_unguarded, digest, label_week, rows_of, serve_week
from flywheel_pipeline.records import PromptVersion
from flywheel_pipeline_tests.builders import a_mode, a_prompt
from flywheel_pipeline_tests.homes import a_home

COVERS = ("commands/demo.py",)


def test_every_conversation_of_the_week_has_a_verdict_and_every_failure_a_mode() -> None:
    week, labels = rows_of("second_week.jsonl"), [r for r in rows_of("second_week_labels.jsonl") if "answer" in r]
    assert [r["session_id"] for r in week] == [r["session_id"] for r in labels]
    failed = [r for r in labels if r["verdict"] == "fail"]
    assert len(failed) == 52 and all(r["category"] and r["comment"] for r in failed)


def test_consent_is_written_once_and_names_every_mode(tmp_path: Path) -> None:
    place = a_home(tmp_path)
    place.lake.write("failure_taxonomy", [a_mode(name='Says "done": no'), a_mode(mode_id="fm-2", name="Too long")])
    for _ in range(2):
        assert consent_to_unguarded(place.bench) == ['Says "done": no', "Too long"]
    assert place.bench.settings.gate.consent == ('Says "done": no', "Too long")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    def some(name: str) -> list[dict[str, object]]:
        return rows_of(name)[:12]

    monkeypatch.setattr(second_week, "rows_of", some)


def test_the_week_is_answered_under_the_prompt_of_the_registry_and_verdicts_are_on_these_answers(
    tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place, promoted = a_home(tmp_path / "home"), promoted_prompt()
    place.bench.registry.add(promoted)
    place.bench.registry.promote(promoted.version)
    traces = serve_week(place.bench)
    assert {t["prompt_version"] for t in traces} == {promoted.version}
    assert all(t["messages"][0]["content"] == promoted.text for t in traces)
    labels = label_week(place.bench)
    assert len(labels) == 12 and {x["trace_id"] for x in labels} == {t["trace_id"] for t in traces}
    rows = [json.loads(line) for line in (place.root / "labels" / second_week.LABELS_FILE).read_text().splitlines()]
    assert rows == labels and all(r["annotator"] == "mira" for r in rows)


def test_there_is_no_verdict_on_an_answer_that_nobody_read(
    tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place, other = a_home(tmp_path / "home"), a_prompt("Answer with care.", name=PROMPT_NAME)
    place.bench.registry.add(other)
    place.bench.registry.promote(other.version)
    serve_week(place.bench)
    labelled = {x["trace_id"] for x in label_week(place.bench)}
    known = {r["answer"] for r in rows_of("second_week_labels.jsonl") if "answer" in r}
    outputs = place.lake.frame("select trace_id, output from raw_traces").values.tolist()
    assert labelled == {t for t, output in outputs if digest(output) in known} and len(labelled) < len(outputs)


def promoted_prompt() -> PromptVersion:
    """The prompt that the demo's first turn promotes: the verdicts are on its answers."""
    from flywheel_pipeline.adapters.llm.offline import improver, judge
    from flywheel_pipeline.demo.assistant import FIRST_PROMPT

    order = [judge.claims_an_action, judge.too_long, judge.no_handover, judge.not_in_documents, judge.asks_again]
    quoted = [f"Avoid this failure: {name}." for name in ("Only one of two questions answered", "Made up a feature")]
    lines = "\n".join(f"- {text}" for text in [*quoted, *(improver.ADVICE[rule] for rule in order)])
    return PromptVersion.of(PROMPT_NAME, f"{FIRST_PROMPT}\n\n{lines}", FIRST_VERSION, "")
