"""Our own rows: JSONL as in `golden_set.jsonl`, and CSV with a column a field."""

from __future__ import annotations

from flywheel_pipeline.steps.golden.exchange.field_mapping import (
    ASKED,
    EXPECTED,
    answer,
    conversation,
    documents,
    named,
)
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Told
from flywheel_pipeline.steps.golden.exchange.formats.agenta import quoted
from flywheel_pipeline.steps.golden.exchange.formats.common import of_texts, texts, told
from flywheel_pipeline.steps.golden.exchange.rows import SPECS, of_text

_MORE = ("kind", "criteria", "context")
_WHERE: dict[str, str] = {name: name for name in SPECS}


def _tell(item: Item, convert: Convert) -> Told:
    """A file with our columns is taken as it is; of another one, what is asked and what is answered."""
    if "case_id" in item and "messages" in item:
        own = {k: v for k, v in item.items() if k in SPECS}
        return Told(own, tuple(k for k in item if k not in SPECS))
    inputs = {k: v for k, v in item.items() if k.lower() not in (*EXPECTED, *_MORE)}
    asked, key = conversation(inputs, convert), named(item, EXPECTED)
    row = {
        **{k: item.get(k) for k in ("kind", "criteria")}, "context": documents(item.get("context")),
        **asked.row, "reference": answer(item[key]) if key else None,
    }  # fmt: skip
    further = [k for k in item if k != key and k.lower() in EXPECTED]
    return told(row, [*asked.dropped, *further], {}, ())


def _filled(item: Item) -> Item:
    """Return the cells that somebody filled in; a conversation is JSON, as everywhere."""
    return {k: of_text(k, v) if k == "messages" else v for k, v in item.items() if v != ""}


def _mine(item: Item) -> bool:
    return named(item, ASKED) is not None


JSONL = Format("jsonl", "jsonl", _WHERE, lambda row, _: dict(row), _tell, _mine)
CSV = Format(
    "csv", "csv", _WHERE, lambda row, _: {**dict.fromkeys(SPECS, ""), **texts(row)},
    lambda item, convert: _tell(of_texts(item) if "case_id" in item else _filled(item), convert),
    _mine, altered=quoted,
)  # fmt: skip
