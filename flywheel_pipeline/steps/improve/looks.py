"""Looks at the test split: how often candidates met it, and when new cases make it fresh again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

READER = "prompt_candidate"
"""Who reads the test split to decide on a candidate; other reads choose nothing and cost nothing."""


def count_looks(reads: Sequence[Mapping[str, Any]], candidate: str, n_test: int) -> int:
    """Return the number of the look that `candidate` takes at `n_test` test cases, from 1.

    `reads` are rows of `golden/test_reads.jsonl`, oldest first, with `by`, `prompt_version` and `n_cases`. The same
    candidate again is no new look. Where more than half of the test cases were never read before, the count begins
    anew: the split is then mostly cases that have chosen nothing.
    """
    looked: set[str] = set()
    seen = 0
    for row in [r for r in reads if r.get("by") == READER and r.get("prompt_version") != candidate]:
        n = int(row.get("n_cases") or 0)
        if seen * 2 < n:
            looked = set()
        looked.add(str(row.get("prompt_version")))
        seen = max(seen, n)
    return 1 if seen * 2 < n_test else len(looked) + 1
