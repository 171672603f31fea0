"""The evaluator `tool_calls`: the app called the right tools, with the right arguments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, model_validator
from pydantic.dataclasses import dataclass

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.calls import (
    Call,
    ExpectedCall,
    problem_of,
    read_call,
    read_expected,
    repeated,
)
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, Text, listed

Arguments = Literal["exact", "subset", "superset", "ignored"]
MAX_CALLS = 1_000
"""Calls of one answer that are compared."""


def _readable(value: Any) -> Any:
    if value is not None:
        read_expected(value)
    return value


@dataclass(frozen=True, config=SETTINGS)
class ToolCalls:
    """The answer's tool calls are those of the case's `expected_tool_calls`, or without them those of `expected`.

    `match` is `strict` (the same calls in the same order), `unordered` (in any order), `subset` (expected calls only,
    some may be missing), `superset` (all expected calls, further ones are allowed) or `none` (the other settings
    only). `arguments` of a call are `exact`, a `subset` of the expected ones (none further, some may be missing), a
    `superset` (all, further ones are allowed) or `ignored`; the value of an argument that is there is always compared.
    1 equals 1.0; a text is never a number, and true is not 1.
    """

    kind: ClassVar[str] = "tool_calls"
    code_version: ClassVar[str] = "1"

    match: Literal["strict", "unordered", "subset", "superset", "none"] = "strict"
    arguments: Arguments = "exact"
    expected: Annotated[list[Any] | None, AfterValidator(_readable)] = None
    ignore_case: bool = False
    forbidden_tools: Annotated[tuple[Text, ...], BeforeValidator(listed)] = ()
    max_calls: Annotated[StrictInt, Field(ge=0)] | None = None
    allow_repeats: bool = True

    @model_validator(mode="after")
    def _checked(self) -> ToolCalls:
        if self.match == "none" and not self.forbidden_tools and self.max_calls is None and self.allow_repeats:
            raise ValueError("nothing to check: set match, forbidden_tools, max_calls or allow_repeats: false")
        return self

    def check(self, case: GoldenCase, answer: Answer) -> Judgement:
        """Judge an answer's tool calls; no label where the case expects none in particular."""
        if answer.error:
            return Judgement(None, f"the app could not be called: {answer.error}", broken=True)
        try:
            calls = [read_call(c) for c in answer.tool_calls]
            expected = self._expected(case)
        except (ValueError, RecursionError) as error:
            return Judgement(None, f"the tool calls cannot be compared: {error}", broken=True)
        problem = self._limits(calls)
        if problem:
            return Judgement("fail", problem)
        if self.match == "none":
            return Judgement("pass", f"{_count(calls)}, none of them ruled out")
        if expected is None:
            return Judgement(None, "the case says nothing of its tool calls: `expected_tool_calls` is empty")
        problem = self.compare(calls, expected)
        return Judgement("fail", problem) if problem else Judgement("pass", f"{_count(calls)}, as expected")

    def _expected(self, case: GoldenCase) -> tuple[ExpectedCall, ...] | None:
        if case.expected_tool_calls is not None:
            return read_expected(json.loads(case.expected_tool_calls))
        return None if self.expected is None else read_expected(self.expected)

    def _limits(self, calls: Sequence[Call]) -> str:
        """Return what is wrong with the calls whatever was expected; empty if nothing is."""
        forbidden = next((c.name for c in calls if c.name in self.forbidden_tools), None)
        if forbidden is not None:
            return f"the forbidden tool {forbidden} is called"
        most = MAX_CALLS if self.max_calls is None else min(self.max_calls, MAX_CALLS)
        if len(calls) > most:
            return f"{_count(calls)}, at most {most} are allowed"
        again = None if self.allow_repeats else repeated(calls)
        if again is not None:
            return f"{again.name} is called again with the same arguments"
        return next((f"call {n}, {c.name}: {c.problem}" for n, c in enumerate(calls, 1) if c.problem), "")

    def compare(self, calls: Sequence[Call], expected: Sequence[ExpectedCall]) -> str:
        """Return what is wrong with the calls; empty if they are as expected."""
        if self.match == "strict":
            for n, (call, right) in enumerate(zip(calls, expected, strict=False), 1):
                problem = self.problem(call, right)
                if problem:
                    return f"call {n} of {len(calls)}: {problem}"
            paired = min(len(calls), len(expected))
            return _left(calls[paired:], expected[paired:])
        pairs = self._pair(calls, expected)
        further = [c for i, c in enumerate(calls) if i not in pairs] if self.match != "superset" else []
        missing = [e for j, e in enumerate(expected) if j not in pairs.values()] if self.match != "subset" else []
        return self._nearest(further, [*missing, *expected]) or _left(further, missing)

    def _pair(self, calls: Sequence[Call], expected: Sequence[ExpectedCall]) -> dict[int, int]:
        """Return {call: expected call}, as many pairs as possible, where several values are right for an argument."""
        fits = np.array([[not self.problem(c, e) for e in expected] for c in calls], dtype=np.int8)
        if not fits.size:
            return {}
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import maximum_bipartite_matching

        found = maximum_bipartite_matching(csr_matrix(fits), perm_type="column")
        return {i: int(j) for i, j in enumerate(found) if j >= 0}

    def _nearest(self, further: Sequence[Call], expected: Sequence[ExpectedCall]) -> str:
        """Return what is wrong with the first unexpected call that has the name of an expected one; empty for none."""
        pairs = ((call, right) for call in further for right in expected if call.name == right.name)
        return next((p for call, right in pairs if (p := self.problem(call, right))), "")

    def problem(self, call: Call, right: ExpectedCall) -> str:
        """Return why a call is not the expected one; empty if it is."""
        if call.name != right.name:
            return f"{call.name} is called instead of {right.name}"
        if self.arguments == "ignored":
            return ""
        for name, value in call.arguments.items():
            known = right.arguments.get(name)
            if known is None and self.arguments != "superset":
                return f"{call.name}: the argument {name[:60]} is not expected"
            wrong = problem_of(name, value, known, self.ignore_case) if known else ""
            if wrong:
                return f"{call.name}: {wrong}"
        required = [k for k, v in right.arguments.items() if not v.optional and k not in call.arguments]
        if required and self.arguments != "subset":
            return f"{call.name}: the argument {required[0]} is missing"
        return ""


def _left(further: Sequence[Call], missing: Sequence[ExpectedCall]) -> str:
    if missing:
        return f"{', '.join(e.name for e in missing[:5])} is not called as expected"
    return f"{', '.join(c.name for c in further[:5])} is called, but not expected" if further else ""


def _count(calls: Sequence[Call]) -> str:
    return f"{len(calls):,} tool call{'s' * (len(calls) != 1)}"
