"""Tool calls as an app made them, and as a case expects them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.steps.evaluate.evaluators.json_values import identity, load, type_name


@dataclass(frozen=True)
class Call:
    """A tool call: the tool's name and its arguments; `problem` says why the arguments cannot be read."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class OneOf:
    """The values that are right for an argument, JSON values or `Members`; `optional` if it may be left out."""

    values: tuple[Any, ...]
    optional: bool = False


@dataclass(frozen=True)
class Members:
    """An object whose members have several right values each."""

    members: Mapping[str, OneOf]


@dataclass(frozen=True)
class ExpectedCall:
    """A call that is right for a case: per argument, its right values."""

    name: str
    arguments: Mapping[str, OneOf]


def read_call(call: Mapping[str, Any]) -> Call:
    """Return a tool call from OpenAI's form, `{"function": {"name", "arguments"}}`, or `{"name", "arguments"}`.

    Arguments are an object or its JSON text; none at all are no arguments. What tool frameworks call `args`, `input`
    or `parameters` are arguments too.

    Raises:
        ValueError: it names no tool.
    """
    function = call["function"] if isinstance(call.get("function"), Mapping) else call
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("a tool call without a name")
    held = next((function[k] for k in ("arguments", "args", "input", "parameters") if k in function), None)
    if held is None or (isinstance(held, str) and not held.strip()):
        return Call(name)
    try:
        arguments = load(held) if isinstance(held, str) else held
        identity(arguments)
    except ValueError as error:
        return Call(name, problem=f"its arguments are not JSON: {error}")
    if not isinstance(arguments, Mapping):
        return Call(name, problem=f"its arguments are {type_name(arguments)}, not an object")
    return Call(name, arguments)


def read_expected(value: Any) -> tuple[ExpectedCall, ...]:
    """Return expected calls from a list of them, or from one of them. Each has one of three forms.

    - `{"name": "f", "arguments": {"a": 1}}`: `a` must be 1 (OpenAI's form with `function` is the same).
    - `{"name": "f", "allowed": {"a": [1, 2]}, "optional": ["a"]}`: `a` must be 1 or 2, or may be left out;
      `arguments` may stand beside it for those with one right value.
    - `{"f": {"a": [1, 2, ""]}}`, as in the Berkeley Function Calling Leaderboard (Patil et al. 2025): `a` must be 1
      or 2, and "" says that it may be left out. Members of objects are such lists too.

    Raises:
        ValueError: it is none of these; the text says which call.
    """
    expected = []
    for n, held in enumerate(value if isinstance(value, list) else [value], 1):
        try:
            identity(held)
            expected.append(_expected(held))
        except ValueError as error:
            raise ValueError(f"expected call {n}: {error}") from None
    return tuple(expected)


def _expected(held: Any) -> ExpectedCall:
    if not isinstance(held, Mapping):
        raise ValueError(f"it is {type_name(held)}, not an object")
    if "function" not in held and "name" not in held:
        if len(held) != 1:
            raise ValueError("it has no `name`")
        ((name, arguments),) = held.items()
        if not isinstance(arguments, Mapping):
            raise ValueError(f"the arguments of {name} are {type_name(arguments)}, not an object of lists")
        return ExpectedCall(name, {k: _leaderboard(k, v) for k, v in arguments.items()})
    call = read_call(held)
    if call.problem:
        raise ValueError(f"{call.name}: {call.problem}")
    allowed, optional = held.get("allowed", {}), held.get("optional", [])
    if not isinstance(allowed, Mapping) or not all(isinstance(v, list) and v for v in allowed.values()):
        raise ValueError(f"{call.name}: `allowed` must be an object of lists of values")
    if not isinstance(optional, list) or not {str(o) for o in optional} <= {*allowed, *call.arguments}:
        raise ValueError(f"{call.name}: `optional` must name arguments of `allowed` or `arguments`")
    values = {**{k: (v,) for k, v in call.arguments.items()}, **{k: tuple(v) for k, v in allowed.items()}}
    return ExpectedCall(call.name, {k: OneOf(v, k in optional) for k, v in values.items()})


def _leaderboard(name: str, values: Any) -> OneOf:
    if not isinstance(values, list) or not values:
        raise ValueError(f"the values of {name} are {type_name(values)}, not a list of right values")
    texts = all(isinstance(v, str) for v in values)
    kept = [v for v in values if v != "" or texts]
    return OneOf(tuple(_nested(v) for v in kept), optional="" in values)


def _nested(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Members({k: _leaderboard(k, v) for k, v in value.items()})
    return [_nested(v) for v in value] if isinstance(value, list) else value


def problem_of(name: str, value: Any, right: OneOf, ignore_case: bool = False) -> str:
    """Return why `value` is wrong for the argument `name`; empty if it is one of the right values."""
    if any(_matches(value, v, ignore_case) for v in right.values):
        return ""
    first = right.values[0] if right.values else None
    if not right.values:
        return f"argument {name} must be left out"
    if isinstance(first, Members):
        return f"argument {name} is {_shown(value)}, which is not one of the right objects"
    mine, wanted = type_name(value), type_name(first)
    if mine != wanted and not any(type_name(v) == mine for v in right.values):
        return f"argument {name} is {mine}, {_shown(value)}, not {wanted}"
    others = f" ({len(right.values)} values are right)" if len(right.values) > 1 else ""
    return f"argument {name} is {_shown(value)}, not {_shown(first)}{others}"


def _matches(value: Any, right: Any, ignore_case: bool) -> bool:
    """Return whether a JSON value is the right one: 1 is 1.0, "1" is not 1, and true is not 1."""
    if isinstance(right, Members):
        if not isinstance(value, Mapping) or not value.keys() <= right.members.keys():
            return False
        return all(
            any(_matches(value[k], v, ignore_case) for v in m.values) if k in value else m.optional
            for k, m in right.members.items()
        )
    if isinstance(right, Mapping):
        return isinstance(value, Mapping) and value.keys() == right.keys() and all(
            _matches(value[k], v, ignore_case) for k, v in right.items()
        )  # fmt: skip
    if isinstance(right, list | tuple):
        same = isinstance(value, list | tuple) and len(value) == len(right)
        return same and all(_matches(v, r, ignore_case) for v, r in zip(value, right, strict=True))
    if ignore_case and isinstance(value, str) and isinstance(right, str):
        return value.casefold() == right.casefold()
    return identity(value) == identity(right)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def repeated(calls: Sequence[Call]) -> Call | None:
    """Return the first call that was made before with equal arguments, or None."""
    seen = set()
    for call in calls:
        key = (call.name, identity(call.arguments), call.problem)
        if key in seen:
            return call
        seen.add(key)
    return None
