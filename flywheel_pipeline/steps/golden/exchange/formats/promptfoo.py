"""promptfoo tests: YAML for `tests: file://…`, and the same as CSV; every text inert (see `inert`).

`{{messages}}` as the prompt gives the whole conversation, word for word; `{{input}}` the last message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.steps.golden.exchange.field_mapping import as_rubric, conversation, documents, of_rubric
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Told
from flywheel_pipeline.steps.golden.exchange.formats.agenta import quoted
from flywheel_pipeline.steps.golden.exchange.formats.common import mapping, of_texts, present, texts, told
from flywheel_pipeline.steps.golden.exchange.inert import active, inert, inert_json, is_reference
from flywheel_pipeline.steps.golden.exchange.rows import NESTED, Row

_KNOWN = ("description", "vars", "assert", "metadata")
_RUBRICS = ("llm-rubric", "g-eval", "model-graded-closedqa")
_ANSWERS = ("factuality", "equals", "contains", "icontains", "similar", "model-graded-factuality", "starts-with")
_OTHERS = (
    "javascript", "python", "fn", "eval", "ruby", "regex", "is-json", "contains-json", "is-sql", "contains-sql",
    "is-xml", "contains-any", "contains-all", "icontains-any", "icontains-all", "cost", "latency", "levenshtein",
    "perplexity", "rouge-n", "bleu", "meteor", "answer-relevance", "context-recall", "context-relevance",
    "context-faithfulness", "moderation", "classifier", "webhook", "select-best", "is-refusal",
)  # fmt: skip
"""Assertions that say nothing that a case could keep."""
_WORDS = 3
"""The most words of a reference that an answer must hold as they are; a longer one must be agreed with."""


def _make(row: Row, carry: Row) -> Item:
    nested = {k: inert_json(v) for k, v in carry.items() if k in NESTED}
    return present({
        "description": inert(f"{row['kind']}: {' '.join(row['input'].split())[:80]}"),
        "vars": {
            "input": inert(row["input"]), "messages": inert_json(row["messages"]),
            **({"context": inert_json(row["context"])} if row["context"] else {}),
        },
        "assert": _asserts(row) or None,
        "metadata": {**{k: inert(v) for k, v in texts(carry).items()}, **nested},
    })  # fmt: skip


def _asserts(row: Row) -> list[Item]:
    """Return a rubric of the criteria, and the reference: short ones literally, others by a model.

    Not `similar`: "30 days" and "90 days" are more alike to an embedding than a sentence and its paraphrase.
    """
    found = [{"type": "llm-rubric", "value": inert(as_rubric(row["criteria"]))}] if row["criteria"] else []
    reference = row["reference"]
    if reference:
        found.append({"type": "icontains" if _literal(reference) else "factuality", "value": inert(reference)})
    return found


def _literal(reference: str) -> bool:
    """Return whether a right answer holds these very words."""
    short = len(reference.split()) <= _WORDS and not re.search(r"[.!?:\s]$|^\s", reference)
    return short and inert(reference) == reference


def _tell(item: Item, convert: Convert) -> Told:
    if not isinstance(item.get("vars", {}), Mapping):
        raise ValueError("its vars are in another file: put them into the test")
    held = {k: _read(k, v) for k, v in mapping(item.get("vars"), "vars").items()}
    asked = conversation(_inputs(held), convert)
    asserts = _assertions(item.get("assert"))
    rubrics = [a for a in asserts if a.get("type") in _RUBRICS and _is_text(a.get("value"))]
    answers = [a for a in asserts if a.get("type") in _ANSWERS and _is_text(a.get("value"))]
    row = {
        **asked.row, **{k: v for k, v in held.items() if k == "input"},
        "context": documents(_json(held.get("context"))),
        "criteria": "\n".join(of_rubric(active(a["value"])) for a in rubrics) or None,
        "reference": active(answers[0]["value"]) if answers else None,
    }  # fmt: skip
    unused = [f"assert {a.get('type')}" for a in asserts if a not in rubrics and a not in answers[:1]]
    dropped = [f"vars.{k}" for k in asked.dropped if k not in ("input", "messages", "context")]
    return told(row, [*dropped, *unused], item, _KNOWN)


def _assertions(value: Any) -> list[Mapping[str, Any]]:
    if value is not None and not isinstance(value, list):
        raise ValueError("assert must be a list")
    return [a for a in value or [] if isinstance(a, Mapping)]


def _inputs(held: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is asked; `messages` counts over `input`, which is its end."""
    asked = {k: v for k, v in held.items() if k != "context"}
    return {**asked, "messages": _json(asked["messages"])} if "messages" in asked else asked


def _read(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if is_reference(value):
        raise ValueError(f"vars.{name} is in another file, {value[:80]!r}: put it into the test")
    return value if name in NESTED else active(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not is_reference(value)


def _json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def _carried(item: Item) -> Row:
    held = mapping(item.get("metadata"), "metadata")
    return of_texts({k: active(v) if isinstance(v, str) and k not in NESTED else v for k, v in held.items()})


def _altered(row: Row) -> dict[str, str]:
    marked = [k for k in ("input", "reference", "criteria") if isinstance(row.get(k), str) and inert(row[k]) != row[k]]
    told = {k: "an invisible U+2060 within a template or file mark keeps promptfoo from running it" for k in marked}
    ends = {"end of input": "promptfoo takes the line end off"} if row["input"].endswith("\n") else {}
    return {**told, **ends}


YAML = Format(
    "promptfoo", "yaml",
    {"messages": "vars.messages", "input": "vars.input", "context": "vars.context", "criteria": "assert llm-rubric",
     "reference": "assert factuality or icontains"},
    _make, _tell, lambda i: "vars" in i or "assert" in i, "metadata", _carried, altered=_altered,
)  # fmt: skip


def _flat(item: Item) -> Item:
    """Return a test as a row of promptfoo's CSV."""
    expected = [f"{a['type']}:{a['value']}" for a in item.get("assert", ())]
    return {
        **item["vars"], "__description": item["description"],
        **{f"__expected{n}": text for n, text in enumerate(expected, 1)},
        **{f"__metadata:{k}": v for k, v in item.get("metadata", {}).items()},
    }  # fmt: skip


def _test(cells: Item) -> Item:
    """Return the test of a row of promptfoo's CSV."""
    held = {k: v for k, v in cells.items() if v != ""}
    expected = [_assertion(v) for k, v in held.items() if k.startswith("__expected")]
    return {
        "vars": {k: v for k, v in held.items() if not k.startswith("__")}, "assert": expected,
        "metadata": {k[len("__metadata:") :]: v for k, v in held.items() if k.startswith("__metadata:")},
        **{k: v for k, v in held.items() if k in ("__prefix", "__suffix", "__providerOutput")},
    }  # fmt: skip


def _assertion(text: str) -> Item:
    """Return the assertion of a cell: `type:value`, `type(threshold):value`, else a text that must be equal."""
    found = re.fullmatch(r"\s*((?:not-)?([a-z][a-z-]*))(?:\([\d.]+\))?(?::(.*))?", text, re.S)
    if found and found[2] == "grade":
        return {"type": "llm-rubric", "value": found[3]}
    is_type = found and found[2] in (*_RUBRICS, *_ANSWERS, *_OTHERS)
    return {"type": found[1], "value": found[3]} if found and is_type else {"type": "equals", "value": text}


CSV = Format(
    "promptfoo-csv", "csv",
    {**YAML.where, "messages": "messages", "input": "input", "context": "context", "criteria": "__expected llm-rubric",
     "reference": "__expected factuality or icontains"},
    lambda row, carry: _flat(_make(row, carry)), lambda item, convert: _tell(_test(item), convert),
    lambda i: any(k.startswith(("__expected", "__description", "__metadata:")) for k in i),
    "__metadata:… columns", lambda item: _carried(_test(item)), altered=lambda row: {**_altered(row), **quoted(row)},
)  # fmt: skip
