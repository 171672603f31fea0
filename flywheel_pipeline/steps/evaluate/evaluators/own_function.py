"""A Python function of your own as an evaluator: what it returns is read strictly, never guessed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass as plain_dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from flywheel_pipeline.ports import Answer, OwnCode
from flywheel_pipeline.records import LABELS, GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS

LONGEST = 2_000
"""Characters of a function's explanation that are kept."""

KEYS = ("label", "score", "explanation")
"""What a mapping that a function returns may hold."""


@dataclass(frozen=True, config=SETTINGS)
class OwnFunction:
    """The function `function`, `module:name` or `evaluators/file.py:name` in the home.

    It may return True or False, a label, a score from 0 to 1, of which `pass_at` and more pass, or a mapping of `KEYS`.
    Whatever else it returns (1.7, NaN, None), and every exception, is an error with its reason.
    """

    kind: ClassVar[str] = "python"
    code_version: ClassVar[str] = "1"

    function: Annotated[str, Field(pattern=r"^([\w.]+|[\w./-]+\.py):\w+$")]
    pass_at: Annotated[float, Field(ge=0, le=1)] = 0.5


@plain_dataclass(frozen=True)
class LoadedFunction:
    """A function that can be called."""

    settings: OwnFunction
    call: OwnCode

    @property
    def code_version(self) -> str:
        """A hash of the function's source."""
        return self.call.version

    async def judge(self, case: GoldenCase, answer: Answer) -> Judgement:
        """Call the function and read what it returns."""
        value, problem = await self.call.run(case, answer)
        return Judgement(None, problem, broken=True) if problem else read_value(value, self.settings.pass_at)


def read_value(value: Any, pass_at: float) -> Judgement:
    """Return the judgement that a function's value means; one without a meaning is broken."""
    if isinstance(value, Mapping):
        return _of_mapping(value, pass_at)
    if isinstance(value, bool):
        return Judgement("pass" if value else "fail", f"the function returned {value}", float(value))
    if isinstance(value, str):
        return Judgement(value, "") if value in LABELS else _broken(f"the label {value!r:.60}")
    score = _score(value)
    if score is None:
        return _broken(f"{value!r:.60}")
    return _of_score(score, pass_at)


def _of_score(score: float, pass_at: float) -> Judgement:
    if score >= pass_at:
        return Judgement("pass", f"score {score:g}; {pass_at:g} or more passes", score)
    return Judgement("fail", f"score {score:g}, below {pass_at:g}", score)


def _of_mapping(value: Mapping[Any, Any], pass_at: float) -> Judgement:
    unknown = [k for k in value if k not in KEYS]
    if unknown or not {"label", "score"} & set(value):
        return _broken(f"a mapping with the keys {', '.join(map(str, value)) or 'none'}")
    label, score = value.get("label"), _score(value.get("score"))
    if "score" in value and score is None:
        return _broken(f"the score {value['score']!r:.60}")
    if "label" in value and not (isinstance(label, str) and label in LABELS):
        return _broken(f"the label {label!r:.60}")
    explanation = str(value.get("explanation") or "")[:LONGEST]
    if isinstance(label, str):
        return Judgement(label, explanation, score)
    found = _of_score(score or 0.0, pass_at)
    return Judgement(found.label, explanation or found.explanation, score)


def _score(value: Any) -> float | None:
    """Return a number from 0 to 1 as a float; NumPy's count, booleans do not."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and 0 <= number <= 1 else None


def _broken(what: str) -> Judgement:
    expected = "True, False, a score from 0 to 1, or a label (pass, fail, unsure)"
    return Judgement(None, f"the function returned {what}; expected {expected}", broken=True)
