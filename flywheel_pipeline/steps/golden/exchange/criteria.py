"""Criteria as sentences that keep their sense where they are read without the field `criteria_kind`."""

from __future__ import annotations

from collections.abc import Sequence

from flywheel_pipeline.steps.golden.exchange.rows import Row

CRITICISM = "A right answer does not repeat the fault that an expert found in an earlier answer: "
PROHIBITION = "A right answer keeps to this prohibition: "
REQUIREMENT = "A right answer meets this requirement: "
_PREFIXES = {"criticism": CRITICISM, "prohibition": PROHIBITION, "requirement": REQUIREMENT}


def to_rubric(row: Row) -> str | None:
    """Return the criteria of a case as a grader can apply them; a requirement is one as it stands."""
    if not row["criteria"]:
        return None
    return row["criteria"] if row["criteria_kind"] == "requirement" else to_remark(row)


def to_remark(row: Row) -> str | None:
    """Return the criteria of a case as a sentence for a field that holds any text."""
    return _PREFIXES[row["criteria_kind"]] + row["criteria"] if row["criteria"] else None


def of_remark(text: object) -> Row:
    """Return the criteria in a sentence of `to_remark`; nothing for a text that was written elsewhere."""
    if not isinstance(text, str):
        return {}
    return next(
        ({"criteria": text[len(p) :], "criteria_kind": k} for k, p in _PREFIXES.items() if text.startswith(p)), {}
    )


def of_rubric(text: str) -> Row:
    """Return the criteria of a grader; those that were written elsewhere say what a right answer does."""
    return of_remark(text) or {"criteria": text, "criteria_kind": "requirement"}


def of_rubrics(requirements: Sequence[str], prohibitions: Sequence[str] = ()) -> Row:
    """Return the criteria of several sentences, one per line.

    They are a prohibition only if every one of them is; a prohibition is a sentence that also stands by itself.
    """
    if len(requirements) == 1 and not prohibitions:
        return of_rubric(requirements[0])
    kind = "requirement" if requirements else "prohibition"
    lines = [*requirements, *prohibitions]
    return {"criteria": "\n".join(lines), "criteria_kind": kind} if lines else {}
