"""A code check: the app answered at all."""

from __future__ import annotations

from flywheel_pipeline.ports import Answer

NAME = "answered"
VERSION = "1"


def check_answered(answer: Answer) -> tuple[str, str]:
    """Return (label, explanation): fail for an error or an empty answer."""
    if answer.error:
        return "fail", f"the app failed: {answer.error}"
    return ("pass", "the app answered") if (answer.output or "").strip() else ("fail", "the answer is empty")
