"""Every kind of evaluator that `evaluators.yaml` can name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

from pydantic import ValidationError
from pydantic.dataclasses import dataclass

from flywheel_pipeline.steps.evaluate.evaluators.contains import Contains
from flywheel_pipeline.steps.evaluate.evaluators.exact import Exact
from flywheel_pipeline.steps.evaluate.evaluators.forbidden import Forbidden
from flywheel_pipeline.steps.evaluate.evaluators.groundedness import Groundedness
from flywheel_pipeline.steps.evaluate.evaluators.json_schema import JsonSchema
from flywheel_pipeline.steps.evaluate.evaluators.language import Language
from flywheel_pipeline.steps.evaluate.evaluators.learned import Learned
from flywheel_pipeline.steps.evaluate.evaluators.length import Length
from flywheel_pipeline.steps.evaluate.evaluators.links import Links
from flywheel_pipeline.steps.evaluate.evaluators.markdown import Markdown
from flywheel_pipeline.steps.evaluate.evaluators.own_function import OwnFunction
from flywheel_pipeline.steps.evaluate.evaluators.regex import Regex
from flywheel_pipeline.steps.evaluate.evaluators.retrieval import Retrieval
from flywheel_pipeline.steps.evaluate.evaluators.similarity import Similarity
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS
from flywheel_pipeline.steps.evaluate.evaluators.tone import Tone
from flywheel_pipeline.steps.evaluate.evaluators.tool_calls import ToolCalls


@dataclass(frozen=True, config=SETTINGS)
class ModeJudge:
    """The judge of a failure mode, which every mode has unless its entry in the file is rejected."""

    kind: ClassVar[str] = "judge"


EVALUATORS: Mapping[str, type[Any]] = {
    "contains": Contains,
    "exact": Exact,
    "forbidden": Forbidden,
    "groundedness": Groundedness,
    "json_schema": JsonSchema,
    "judge": ModeJudge,
    "language": Language,
    "learned": Learned,
    "length": Length,
    "links": Links,
    "markdown": Markdown,
    "python": OwnFunction,
    "regex": Regex,
    "retrieval": Retrieval,
    "similarity": Similarity,
    "tone": Tone,
    "tool_calls": ToolCalls,
}
"""{kind: its class}. The fields of a class are the settings of the kind, but for those that its repr leaves out."""

MAY_ERR = ("judge", "tone", "learned", "similarity", "groundedness")
"""Kinds that estimate what a person would say: none of them can be a requirement."""


def make_evaluator(kind: str, settings: Mapping[str, Any]) -> Any:
    """Return the evaluator of a kind with these settings.

    Raises:
        ValueError: there is no such kind, or a setting is wrong; the text names what there is.
    """
    made = EVALUATORS.get(kind)
    if made is None:
        raise ValueError(f"there is no kind {kind!r}; the kinds are {', '.join(EVALUATORS)}")
    if unknown := [str(k) for k in settings if k not in settings_of(made)]:
        raise ValueError(
            f"{kind} has no setting {unknown[0]!r}; its settings are {', '.join(settings_of(made)) or 'none'}"
        )
    try:
        return made(**settings)
    except ValidationError as error:
        raise ValueError("; ".join(_explain(e, made) for e in error.errors()[:3])) from None


def settings_of(made: type[Any]) -> list[str]:
    """Return the names of a kind's settings."""
    return [f.name for f in fields(made) if f.repr]


def _explain(error: Any, made: type[Any]) -> str:
    where = ".".join(map(str, error["loc"]))
    if error["type"] in ("missing", "missing_argument"):
        return f"{made.kind} needs the setting {where!r}"
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"settings.{where}: {said}" if where else said
