"""A code check: the app answered at all."""

from __future__ import annotations

from flywheel_pipeline.ports import Answer

NAME = "answered"
VERSION = "1"


def check_answered(answer: Answer) -> tuple[str | None, str]:
    """Return (label, explanation): fail for an empty answer, no label where the call to the app broke."""
    if answer.error:
        return None, f"the app could not be called: {answer.error}"
    return ("pass", "the app answered") if (answer.output or "").strip() else ("fail", "the answer is empty")
