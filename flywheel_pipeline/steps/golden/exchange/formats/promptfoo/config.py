"""promptfoo's configuration: the test cases that its tests, `defaultTest` and scenarios stand for.

As promptfoo does: a test inherits the variables of `defaultTest` and is judged by its assertions as well; a scenario is
every test with every row of its data; a variable that is a list of texts makes one case per text, several such
variables one case per combination; `$ref` names another place of the file. Other files are reported, never loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

from flywheel_pipeline.steps.golden.exchange.format import Found, Item
from flywheel_pipeline.steps.golden.exchange.formats.promptfoo.escape import loads_a_file

MAX_COMBINATIONS = 1_000
"""Cases that one test may stand for."""
MAX_VALUES = 100_000
"""Values of a test with its references resolved: a few references to each other can stand for billions."""
_NOT_LOADED = "another file, which is not loaded: import that file as well"


class Test(dict[str, Any]):
    """One test case with everything that it inherits; `prompts` are those of the file, `dropped` what was not kept."""

    prompts: tuple[str, ...] = ()
    inherited: frozenset[str] = frozenset()
    dropped: tuple[str, ...] = ()


def expand(found: Sequence[Found]) -> Iterator[Found]:
    """Yield one item per test case."""
    for item in _listed(found):
        if item.problem:
            yield item
            continue
        try:
            yield from [replace(item, item=test) for test in _tests(item.item, item.document)]
        except (ValueError, RecursionError) as error:
            yield replace(item, problem=str(error) or "nested too deeply")


def _listed(found: Sequence[Found]) -> Iterator[Found]:
    """Yield the tests and then the scenarios of a file; a file may hold its tests elsewhere, or be a single test."""
    for item in found:
        if item.problem and loads_a_file(item.raw):
            yield replace(item, problem=f"tests in {_NOT_LOADED}")
        elif not item.problem and not item.document and _is_config(item.item):
            yield from _of_config(item)
        else:
            yield item
    document = found[0].document if found else {}
    scenarios = document.get("scenarios")
    for number, scenario in enumerate(scenarios if isinstance(scenarios, list) else [], 1):
        held = scenario if isinstance(scenario, dict) else {}
        problem = "" if held else f"a scenario in {_NOT_LOADED}" if loads_a_file(scenario) else "must be an object"
        yield Found(0, held, f"scenario {number}", problem, document)


def _is_config(item: Mapping[str, Any]) -> bool:
    return any(k in item for k in ("prompts", "providers", "defaultTest")) and "vars" not in item


def _of_config(found: Found) -> Iterator[Found]:
    tests = found.item.get("tests")
    if tests is None:
        yield replace(found, problem="a configuration without tests")
    elif isinstance(tests, list):  # an empty one, beside scenarios perhaps
        scenarios = found.item.get("scenarios")
        for scenario in scenarios if isinstance(scenarios, list) else []:
            yield replace(found, item=scenario if isinstance(scenario, dict) else {}, document=found.item)
    else:
        yield replace(found, problem=f"its tests are in {_NOT_LOADED}")


def _tests(item: Item, document: Mapping[str, Any]) -> Iterator[Test]:
    """Yield the test cases of a test or a scenario."""
    budget = [MAX_VALUES]
    default = _resolved(document.get("defaultTest"), document, budget)
    dropped = ["defaultTest (another file, not loaded)"] if isinstance(default, str) else []
    default = default if isinstance(default, Mapping) else {}
    prompts = document.get("prompts")
    texts = tuple(p for p in (prompts if isinstance(prompts, list) else [prompts]) if isinstance(p, str))
    for test, lost in _of_item(_resolved(item, document, budget)):
        merged = _inheriting(test, default)
        for variables in _combinations(merged):
            made = Test({**merged, "vars": variables})
            made.prompts = tuple(t for t in texts if "{{" in t)
            made.inherited = frozenset(_vars(default)) - frozenset(_vars(test))
            made.dropped = (*dropped, *lost)
            yield made


def _of_item(item: Mapping[str, Any]) -> Iterator[tuple[Item, list[str]]]:
    """Yield a test as it is, and of a scenario every test with every row of its data, with what is not kept."""
    if not ("config" in item and ("tests" in item or "vars" not in item)):
        yield dict(item), []
        return
    data, tests = item["config"], item.get("tests") or [{}]
    if not isinstance(data, list) or not isinstance(tests, list):
        raise ValueError(f"a scenario in {_NOT_LOADED}")
    for row, test in product(data, tests):
        if not isinstance(row, Mapping) or not isinstance(test, Mapping):
            raise ValueError(f"a scenario with data or tests in {_NOT_LOADED}")
        lost = ["assert of a scenario's data"] if row.get("assert") and test.get("assert") else []
        yield {**row, **test, "vars": {**_vars(row), **_vars(test)}}, lost


def _inheriting(test: Item, default: Mapping[str, Any]) -> Item:
    options = test.get("options")
    alone = isinstance(options, Mapping) and options.get("disableDefaultAsserts")
    asserts = [*(() if alone else _asserts(default)), *_asserts(test)]
    held = {f"defaultTest.{k}": v for k, v in default.items() if k not in ("vars", "assert", "metadata", "options")}
    metadata = {**_mapping(default.get("metadata")), **_mapping(test.get("metadata"))}
    inherited = {"defaultTest.options": default["options"]} if default.get("options") else {}
    more = {"metadata": metadata} if metadata else {}
    return {**held, **inherited, **test, "vars": {**_vars(default), **_vars(test)}, "assert": asserts, **more}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _vars(test: Mapping[str, Any]) -> Mapping[str, Any]:
    variables = test.get("vars")
    if variables is None:
        return {}
    if not isinstance(variables, Mapping):
        raise ValueError("its vars are in another file: put them into the test")
    return variables


def _asserts(test: Mapping[str, Any]) -> list[Any]:
    asserts = test.get("assert")
    if asserts is not None and not isinstance(asserts, list):
        raise ValueError("assert must be a list")
    return list(asserts or [])


def _combinations(test: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the variables of every case: one value of each list of texts."""
    variables, options = test["vars"], test.get("options")
    if isinstance(options, Mapping) and options.get("disableVarExpansion"):
        yield dict(variables)
        return
    values = [v if isinstance(v, list) and v and isinstance(v[0], str) else [v] for v in variables.values()]
    if prod(map(len, values)) > MAX_COMBINATIONS:
        raise ValueError(f"its lists of variables stand for more than {MAX_COMBINATIONS:,} cases: split them")
    for chosen in product(*values):
        yield dict(zip(variables, chosen, strict=True))


def _resolved(value: Any, document: Mapping[str, Any], budget: list[int], seen: tuple[str, ...] = ()) -> Any:
    """Return a value with every `$ref` into the document replaced; one that leads nowhere stays as it is."""
    budget[0] -= 1
    if budget[0] < 0:
        raise ValueError(f"its references stand for more than {MAX_VALUES:,} values")
    if isinstance(value, list):
        return [_resolved(v, document, budget, seen) for v in value]
    if not isinstance(value, Mapping):
        return value
    target = value.get("$ref")
    if isinstance(target, str) and target.startswith("#/") and target not in seen:
        held, known = _at(document, target)
        if known:
            beside = {k: v for k, v in value.items() if k != "$ref"}
            merged = {**held, **beside} if isinstance(held, Mapping) else held
            return _resolved(merged, document, budget, (*seen, target))
    return {k: _resolved(v, document, budget, seen) for k, v in value.items()}


def _at(document: Mapping[str, Any], pointer: str) -> tuple[Any, bool]:
    """Return what a JSON pointer (RFC 6901) points to, and whether it points to anything."""
    value: Any = document
    for part in pointer[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None, False
    return value, True
