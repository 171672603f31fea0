"""Token counts as their sources define them -> input and output tokens."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flywheel_pipeline.steps.capture.formats.lenient import get_count

_INPUT = ("input", "promptTokens", "prompt_tokens", "input_tokens", "inputTokens")
_OUTPUT = ("output", "completionTokens", "completion_tokens", "output_tokens", "outputTokens")
_TOTAL = ("total", "total_tokens", "totalTokens", "tokens")


def tokens_of(usage: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return (input, output) tokens of a usage whose details are within the two counts (OpenAI and most others)."""
    return (get_count(usage, *_INPUT), get_count(usage, *_OUTPUT)) if usage else (None, None)


def tokens_in_buckets(usage: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return (input, output) tokens of Langfuse's usage details, whose buckets exclude each other.

    What is cached is not in `input`, what was reasoned not in `output`. Where a total shows that a source counted them
    within, they are not added once more.
    """
    if not usage:
        return None, None
    asked, said = _bucket(usage, "input", "prompt"), _bucket(usage, "output", "completion")
    plain = tokens_of(usage)
    total = get_count(usage, *_TOTAL)
    if total is not None and (asked or 0) + (said or 0) > total == sum(n or 0 for n in plain):
        return plain
    return asked, said


def is_in_buckets(usage: Mapping[str, Any]) -> bool:
    """Return whether a usage is named as Langfuse names it."""
    return "input" in usage or "output" in usage


def _bucket(usage: Mapping[str, Any], *names: str) -> int | None:
    """Return the sum of the buckets of one side; None where it has none."""
    found = [n for k in usage if _is_of(str(k), names) and (n := get_count(usage, k)) is not None]
    return sum(found) if found else None


@lru_cache(4096)
def _is_of(bucket: str, names: tuple[str, ...]) -> bool:
    return any(n in bucket.lower() for n in names)
