"""Labels and drafts as the page sends them, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.records import SEVERITIES, VERDICTS
from flywheel_pipeline.steps.capture.fields import read_text

LONGEST = {"key": 1_000, "code": 200, "comment": 20_000, "category": 200, "severity": 20}
"""The texts of a label, and how many characters each may have."""
MAX_CODE_WORDS = 8


class InvalidLabelError(ValueError):
    """The request does not hold a valid label; the message says why."""


def read_label(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the label that was sent: its key, its verdict, and the fields that go with the verdict.

    Raises:
        InvalidLabelError: it is not one.
    """
    verdict = sent.get("verdict")
    if verdict not in VERDICTS:
        raise InvalidLabelError(f"the verdict must be one of {', '.join(VERDICTS)}")
    fields = read_draft(sent)
    code = fields.get("code", "")
    if verdict == "fail" and not (code or fields.get("comment")):
        raise InvalidLabelError("Say what went wrong first, in a few words.")
    if verdict == "fail" and len(code.split()) > MAX_CODE_WORDS:
        raise InvalidLabelError(f"The short name has at most {MAX_CODE_WORDS} words; the rest belongs in the comment.")
    kept = fields if verdict == "fail" else {name: v for name, v in fields.items() if name in ("key", "comment")}
    return {"verdict": verdict, **kept}


def read_draft(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the key of an item and those fields of an unfinished label that hold something.

    Raises:
        InvalidLabelError: one of them is not what a label may hold.
    """
    try:
        fields: dict[str, Any] = {name: read_text(sent.get(name), name, n) for name, n in LONGEST.items()}
    except ValueError as error:
        raise InvalidLabelError(str(error)) from None
    if fields["key"] is None:
        raise InvalidLabelError("the key of the item is missing")
    if fields["severity"] not in (None, *SEVERITIES):
        raise InvalidLabelError(f"the severity must be one of {', '.join(SEVERITIES)}")
    step = sent.get("first_failure_step")
    if step is not None and (isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < 1_000_000):
        raise InvalidLabelError("first_failure_step must be the number of a message")
    return {name: v for name, v in {**fields, "first_failure_step": step}.items() if v is not None}
