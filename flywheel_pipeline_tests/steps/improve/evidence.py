"""Evidence for the gate, made from counts."""

from __future__ import annotations

from typing import Any

from flywheel_pipeline.steps.improve.gate import Comparison, Evidence
from flywheel_pipeline.steps.improve.rule import WHOLE


def compared(
    n: int, fixed: int, broken: int, name: str = "all evaluators", kind: str = WHOLE, **more: Any
) -> Comparison:
    """Outcomes of `n` cases: the first `fixed` are fixed, the next `broken` broken, half of the others pass."""
    before, after = {}, {}
    for i in range(n):
        is_fixed, is_broken = i < fixed, fixed <= i < fixed + broken
        before[f"g-{i}"] = float(is_broken or (not is_fixed and i % 2 == 0))
        after[f"g-{i}"] = float(is_fixed or (not is_broken and i % 2 == 0))
    return Comparison(name, tuple(before), before, after, kind, **more)


def evidence(n: int, fixed: int, broken: int, **more: Any) -> Evidence:
    return Evidence(compared(n, fixed, broken), **more)
