"""What a label file says of the right answer: the answer that the expert wanted, and the documents it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_pipeline.leakage import QUOTE, grams
from flywheel_pipeline.prompting import text_of

ANSWER_COLUMNS = (
    "corrected_answer", "correct_answer", "expected_answer", "ideal_answer", "expected_output", "reference",
    "correction",
)  # fmt: skip
"""Columns of a label file, in any usual spelling, that hold the answer that the app should have given."""

DOCUMENT_COLUMNS = ("expected_doc_ids", "expected_documents", "doc_ids", "expected_document")
"""Columns that name the documents which a right answer needs."""


def corrected_answer(extra: Mapping[str, Any]) -> str | None:
    """Return the answer that the expert wrote instead of the app's, if the label file holds one."""
    return next((t for t in _cells(extra, ANSWER_COLUMNS) if t), None)


def named_documents(extra: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the documents that the label file names, whether or not they were retrieved."""
    return tuple(dict.fromkeys(i for t in _cells(extra, DOCUMENT_COLUMNS) for i in _listed(t)))


def expected_documents(
    documents: Sequence[Any], reference: str | None, comment: str | None, extra: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the ids of the documents that a right answer needs, as far as there is evidence; none if there is not.

    In this order: those that the label file names; those whose id stands in the expert's comment; those that the
    known-good answer cites by id or title; those of which it repeats `QUOTE` words in a row; the only one retrieved
    for it. `documents` are what the app had retrieved.
    """
    named = named_documents(extra)
    known = {str(d.get("id")): d for d in documents if isinstance(d, Mapping) and d.get("id") not in (None, "")}
    if named or not known:
        return named
    answer = reference or ""
    ways = (
        [i for i in known if _mentions(comment or "", i)],
        [i for i, d in known.items() if _mentions(answer, i) or _mentions(answer, _title(d))],
        [i for i, d in known.items() if grams(answer, QUOTE) & grams(text_of(d.get("content")), QUOTE)],
        list(known) if reference and len(known) == 1 else [],
    )
    return tuple(next((found for found in ways if found), []))


def _cells(extra: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    by_name = {re.sub(r"\W+", "_", str(k).strip().lower()): v for k, v in extra.items()}
    found = [by_name[n] for n in names if n in by_name]
    return [
        v.strip() if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in found if v not in (None, "")
    ]


def _listed(cell: str) -> list[str]:
    """Return the ids in a cell: a JSON list, or words between commas, semicolons or line ends."""
    try:
        value = json.loads(cell)
    except ValueError:
        value = re.split(r"[,;\n]", cell)
    return [str(v).strip() for v in (value if isinstance(value, list) else [value]) if str(v).strip()]


def _title(document: Mapping[str, Any]) -> str:
    """Return the title if it is more than a word, which an answer may use without citing anything."""
    title = text_of(document.get("title")).strip()
    return title if " " in title else ""


def _mentions(text: str, name: str) -> bool:
    """Return whether `name`, of at least four characters, stands in `text` as words of its own."""
    return len(name) >= 4 and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None
