"""Agenta test sets: CSV with one column per input, and `correct_answer`."""

from __future__ import annotations

from flywheel_pipeline.csv_injection import neutral
from flywheel_pipeline.steps.golden.exchange.field_mapping import REFERENCE_NAMES, conversation, first_of, plain_name
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Parsed
from flywheel_pipeline.steps.golden.exchange.formats.common import of_texts, one_reference, parsed, texts
from flywheel_pipeline.steps.golden.exchange.rows import SPECS, Row, of_text, to_text

_DEDUP = ("__dedup_id__", "testcase_dedup_id")
_META = ("__id__", *_DEDUP, "__flags__", "__tags__", "__meta__")
_KNOWN = (*_META, "correct_answer", *SPECS)


def quoted(row: Row) -> dict[str, str]:
    """Return which texts of a CSV file begin with a quote, for the loss report."""
    shown = [k for k in ("input", "reference", "criteria") if isinstance(row.get(k), str) and neutral(row[k]) != row[k]]
    return {k: "a quote before it keeps spreadsheets from evaluating it" for k in shown}


def _write(row: Row, carry: Row) -> Item:
    return {
        "input": row["input"], "messages": to_text(row["messages"]), "correct_answer": row["reference"] or "",
        "__dedup_id__": row["case_id"], **texts(carry),
    }  # fmt: skip


def _parse(item: Item, convert: Convert) -> Parsed:
    held = {k: v for k, v in item.items() if v not in (None, "")}
    inputs = {
        k: v for k, v in held.items() if k in ("messages", "input") or plain_name(k) not in (*_KNOWN, *REFERENCE_NAMES)
    }
    if "messages" in held:
        inputs["messages"] = of_text("messages", held["messages"])
    asked, key = conversation(inputs, convert), first_of(held, REFERENCE_NAMES)
    row = {
        **asked.row, **{k: v for k, v in held.items() if k == "input"}, "reference": held[key] if key else None,
        "case_id": next((held[k] for k in _DEDUP if k in held), None), "criteria": held.get("criteria"),
        "criteria_kind": held.get("criteria_kind"),
    }  # fmt: skip
    further = [k for k in held if k != key and plain_name(k) in REFERENCE_NAMES and k not in SPECS]
    further += [k for k in held if k in ("__flags__", "__tags__", "__meta__") and held[k] not in ("{}", "[]")]
    return parsed(row, [*(k for k in asked.dropped if k not in SPECS), *further], {}, ())


def _carried(item: Item) -> Row:
    """Return our columns, where the file is an export of ours."""
    if not {"family", "split"} <= item.keys():
        return {}
    return of_texts({k: v for k, v in item.items() if k in SPECS and k not in ("input", "messages") and v})


FORMAT = Format(
    "agenta", "csv",
    {"input": "input", "messages": "messages", "reference": "correct_answer", "case_id": "__dedup_id__"},
    _write, _parse, lambda i: "correct_answer" in i or any(k in i for k in _DEDUP),
    "columns of their own", _carried, changes=lambda row: {**quoted(row), **one_reference(row)},
)  # fmt: skip
