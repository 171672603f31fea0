"""Our own rows: JSONL as in `golden_set.jsonl`, and CSV with one column per field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.steps.golden.exchange.choices import resolved, with_choices
from flywheel_pipeline.steps.golden.exchange.field_mapping import (
    QUESTION_NAMES,
    REFERENCE_NAMES,
    answer,
    answers,
    conversation,
    documents,
    first_of,
    plain_name,
)
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Parsed
from flywheel_pipeline.steps.golden.exchange.formats.agenta import quoted
from flywheel_pipeline.steps.golden.exchange.formats.common import of_texts, parsed, texts
from flywheel_pipeline.steps.golden.exchange.rows import SPECS, of_text

_MORE = ("kind", "criteria", "criteria_kind", "context", "reference_alternatives", "expected_tool_calls")
_WHERE: dict[str, str] = {name: name for name in SPECS}


def _parse(item: Item, convert: Convert) -> Parsed:
    """Return a row of ours as it is; of any other one, what is asked and what is answered."""
    if "case_id" in item and "messages" in item:
        own = {k: v for k, v in item.items() if k in SPECS}
        return Parsed(own, tuple(k for k in item if k not in SPECS))
    listed = next((k for k in ("choices", "options") if _are_texts(item.get(k))), None)
    choices = item[listed] if listed else []
    inputs = {k: v for k, v in item.items() if plain_name(k) not in (*REFERENCE_NAMES, *_MORE) and k != listed}
    asked, key = conversation(inputs, convert), first_of(item, REFERENCE_NAMES)
    target, unknown = resolved(item[key] if key else None, choices)
    row = {
        **{k: item.get(k) for k in _MORE if k != "context"}, "context": documents(item.get("context")),
        **(with_choices(asked.row, choices) if choices else asked.row),
        **(answers(target) if choices else {"reference": answer(target)}),
    }  # fmt: skip
    further = [k for k in item if k != key and plain_name(k) in REFERENCE_NAMES]
    return parsed(row, [*asked.dropped, *unknown, *further], {}, ())


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(v, str) for v in value)


def _filled(item: Item) -> Item:
    """Return the cells that are filled in; conversations and lists are JSON."""
    lists = ("messages", "reference_alternatives", "expected_tool_calls")
    return {k: of_text(k, v) if k in lists else v for k, v in item.items() if v != ""}


def _mine(item: Mapping[str, object]) -> bool:
    return first_of(item, QUESTION_NAMES) is not None


JSONL = Format("jsonl", "jsonl", _WHERE, lambda row, _: dict(row), _parse, _mine)
CSV = Format(
    "csv", "csv", _WHERE, lambda row, _: {**dict.fromkeys(SPECS, ""), **texts(row)},
    lambda item, convert: _parse(of_texts(item) if "case_id" in item else _filled(item), convert),
    _mine, changes=quoted,
)  # fmt: skip
