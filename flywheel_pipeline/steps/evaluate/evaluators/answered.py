"""A code check: the app answered at all."""

from __future__ import annotations

from flywheel_pipeline.ports import Answer

NAME = "answered"
VERSION = "2"


def check_answered(answer: Answer) -> tuple[str | None, str]:
    """Return (label, explanation): fail for an empty answer, no label where the call to the app broke.

    Tool calls without a text are an answer: whether they are the right ones is for `tool_calls` to say.
    """
    if answer.error:
        return None, f"the app could not be called: {answer.error}"
    if answer.is_empty:
        return "fail", "the answer is empty"
    return "pass", "the app answered" if answer.has_text else "the app answered with tool calls alone"
