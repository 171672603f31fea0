"""The evaluator `json_schema`: the answer is JSON, and valid under a schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar

from jsonschema import Draft202012Validator, SchemaError, ValidationError, validators
from jsonschema.exceptions import best_match
from pydantic import AfterValidator
from pydantic.dataclasses import dataclass
from referencing import Registry
from referencing.exceptions import Unresolvable

from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.json_values import identity, load
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.re2_patterns import checked, search
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, TextEvaluator, quoted

_FENCE = re.compile(r"\s*```(?:json|JSON)?[ \t]*\n(.*)\n[ \t]*```\s*", re.S)


def _patterns(schema: Any) -> Iterator[str]:
    """Yield the regular expressions of a schema."""
    pending = [schema]
    while pending:
        held = pending.pop()
        if isinstance(held, Mapping):
            pending += held.values()
            yield from [held["pattern"]] if isinstance(held.get("pattern"), str) else []
            named = held.get("patternProperties")
            yield from named if isinstance(named, Mapping) else []
        elif isinstance(held, list):
            pending += held


def _checked_schema(schema: dict[str, Any]) -> dict[str, Any]:
    kind = validators.validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"no JSON schema: {error.json_path}: {error.message[:200]}") from None
    for pattern in _patterns(schema):
        checked(pattern)
    return schema


@dataclass(frozen=True, config=SETTINGS)
class JsonSchema(TextEvaluator):
    """The whole answer is one JSON value that is valid under `schema` (draft 2020-12, or the one `$schema` names).

    With `accept_fence`, the value may stand in one fenced code block that is the whole answer. NaN, a key that stands
    twice and text around the value are errors. References to other documents are not followed.
    """

    kind: ClassVar[str] = "json_schema"
    code_version: ClassVar[str] = "1"
    longest: ClassVar[int] = 200_000

    schema: Annotated[dict[str, Any], AfterValidator(_checked_schema)]
    accept_fence: bool = False

    @cached_property
    def _validator(self) -> Any:
        kind = validators.validator_for(self.schema, default=Draft202012Validator)
        return validators.extend(kind, _LINEAR)(self.schema, registry=Registry())

    def judge(self, case: GoldenCase, text: str) -> Judgement:
        """Judge a text."""
        fenced = _FENCE.fullmatch(text) if self.accept_fence else None
        try:
            value = load(fenced[1] if fenced else text)
        except ValueError as error:
            hint = "; it is fenced, which `accept_fence` allows" if not fenced and _FENCE.fullmatch(text) else ""
            return Judgement("fail", f"the answer is not JSON: {error}{hint}")
        try:
            problem = best_match(self._validator.iter_errors(value))
        except Unresolvable as missing:
            return Judgement(None, f"the schema refers to what is not in it: {missing}", broken=True)
        except RecursionError:
            return Judgement("fail", "the answer is nested too deeply to be checked")
        if problem is None:
            return Judgement("pass", "the answer is valid under the schema")
        return Judgement("fail", f"{problem.json_path[:200]}: {quoted(problem.message)}")


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and search(pattern, instance) is None:
        yield ValidationError(f"{instance[:80]!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, named: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if isinstance(instance, Mapping):
        for pattern, subschema in named.items():
            for key, value in instance.items():
                if search(pattern, key) is not None:
                    yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, Mapping):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    further = [k for k in instance if k not in known and not any(search(p, k) is not None for p in patterns)]
    if isinstance(allowed, Mapping):
        for key in further:
            yield from validator.descend(instance[key], allowed, path=key)
    elif not allowed and further:
        yield ValidationError(f"{', '.join(repr(k[:40]) for k in further[:5])}: not allowed here")


def _unique_items(_: Any, wanted: Any, instance: Any, __: Any) -> Iterator[ValidationError]:
    if wanted and isinstance(instance, list) and len(set(map(identity, instance))) < len(instance):
        yield ValidationError("has equal items")


_LINEAR = {
    "pattern": _pattern, "patternProperties": _pattern_properties, "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}  # fmt: skip
"""Keywords that jsonschema checks with Python's `re`, or by comparing every pair: here their time grows linearly."""
