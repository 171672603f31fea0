"""Tokens are counted once, as their source defines them."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_pipeline.steps.capture.formats.usage import is_in_buckets, tokens_in_buckets, tokens_of


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input": 10, "output": 4}, (10, 4)),
        ({"input": 10, "input_cached_tokens": 90, "output": 4, "output_reasoning_tokens": 6, "total": 110}, (100, 10)),
        ({"input": 10, "cache_read_input_tokens": 90, "output": 4}, (100, 4)),
        ({"input": 100, "input_cached_tokens": 90, "output": 4, "total": 104}, (100, 4)),
        ({"input": 10, "output": 4, "input_audio": 0, "total": 14}, (10, 4)),
        ({"input": 5, "total": 5}, (5, None)),
        ({}, (None, None)),
        ({"input": "x"}, (None, None)),
    ],
)
def test_langfuse_s_buckets_exclude_each_other(usage: dict[str, Any], expected: tuple[int | None, int | None]) -> None:
    assert tokens_in_buckets(usage) == expected


def test_elsewhere_details_are_within_the_counts() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 9, "prompt_cached_tokens": 90, "completion_reasoning_tokens": 5}
    assert tokens_of(usage) == (100, 9)
    assert not is_in_buckets(usage) and is_in_buckets({"output": 3})
