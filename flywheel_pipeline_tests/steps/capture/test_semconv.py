from __future__ import annotations

import pytest

from flywheel_pipeline.steps.capture import semconv
from flywheel_pipeline.steps.capture.semconv import KINDS, NAMES, TAG, TAGS, Slot, slot_of, unflatten
from flywheel_pipeline.steps.capture.spans import KINDS as SPAN_KINDS


def test_the_table_says_when_and_with_what_it_was_compared() -> None:
    assert semconv.VERSION == "2026-11-24"
    assert "1.42.0-dev" in semconv.SOURCES["OpenTelemetry GenAI"]


def test_every_name_tells_one_field_only() -> None:
    names = [name for names in NAMES.values() for name in names]
    assert len(names) == len(set(names))
    assert not set(names) & set(TAGS)


def test_every_kind_is_one_of_a_span() -> None:
    assert set(KINDS.values()) <= set(SPAN_KINDS)
    assert {kind for _, kind in semconv.HINTS} <= set(SPAN_KINDS)
    assert {field for field, _ in semconv.HINTS} <= set(NAMES)
    assert all(said == said.lower() for said in KINDS)


@pytest.mark.parametrize(
    ("name", "slot"),
    [
        ("gen_ai.response.model", Slot("model", 0)),
        ("gen_ai.usage.prompt_tokens", Slot("input_tokens", 2)),
        ("llm.input_messages.0.message.role", Slot("messages", 1, ("0", "message", "role"))),
        ("gen_ai.prompt.12.content", Slot("messages", 2, ("12", "content"))),
        ("gen_ai.prompt.name", Slot("prompt_name", 2)),
        ("retrieval.documents.3.document.id", Slot("documents", 1, ("3", "document", "id"))),
        ("user.id", Slot(TAG, 0, ("user_id",))),
        ("langfuse.trace.metadata.tier", Slot(TAG, 0, ("tier",))),
        ("shop.region", Slot(TAG, 1, ("shop.region",))),
        ("gen_ai.request.top_p", None),
        ("unknown.0.thing", Slot(TAG, 1, ("unknown.0.thing",))),
        ("gen_ai.prompt.²", None),
        ("gen_ai.prompt." + "9" * 5000 + ".role", None),
        ("gen_ai.prompt.0" + ".a" * 10_000, None),
        ("", Slot(TAG, 1, ("",))),
    ],
)
def test_an_attribute_has_its_place(name: str, slot: Slot | None) -> None:
    assert slot_of(name) == slot


def test_current_names_are_preferred_to_legacy_ones() -> None:
    for field, current, legacy in (
        ("model", "gen_ai.response.model", "gen_ai.request.model"),
        ("messages", "gen_ai.input.messages", "gen_ai.prompt"),
        ("output_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    ):
        assert NAMES[field].index(current) < NAMES[field].index(legacy)


def test_indexes_become_lists_in_their_numeric_order() -> None:
    assert unflatten({"10": {"a": "k"}, "2": {"a": "c"}, "0": {"b": {"1": "y", "0": "x"}}}) == [
        {"b": ["x", "y"]},
        {"a": "c"},
        {"a": "k"},
    ]
    assert unflatten({"0": "a", "name": "b"}) == {"0": "a", "name": "b"}
