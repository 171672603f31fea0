"""promptfoo tests: YAML for `tests: file://…`, and the same as CSV; text is escaped (see `escape`).

`{{messages}}` as the prompt gives the whole conversation as it is; `{{input}}` the last message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flywheel_pipeline.steps.golden.exchange.field_mapping import (
    QUESTION_NAMES,
    conversation,
    conversation_row,
    documents,
    first_of,
)
from flywheel_pipeline.steps.golden.exchange.format import Convert, Format, Item, Parsed, one_by_one
from flywheel_pipeline.steps.golden.exchange.formats.agenta import quoted
from flywheel_pipeline.steps.golden.exchange.formats.common import mapping, of_texts, parsed, present, texts
from flywheel_pipeline.steps.golden.exchange.formats.promptfoo.assertions import (
    parse_assertion,
    read_assertions,
    write_assertions,
)
from flywheel_pipeline.steps.golden.exchange.formats.promptfoo.config import Test, expand
from flywheel_pipeline.steps.golden.exchange.formats.promptfoo.escape import (
    escape,
    escape_json,
    loads_a_file,
    unescape,
)
from flywheel_pipeline.steps.golden.exchange.formats.promptfoo.template import Filler
from flywheel_pipeline.steps.golden.exchange.rows import NESTED, Row

_KNOWN = ("description", "vars", "assert", "metadata")
_OURS = ("input", "messages", "context")
_OPTIONS = ("options", "defaultTest.options")
_RUN = ("transform", "postprocess", "transformVars")
"""Options that are code."""


def _write(row: Row, carry: Row) -> Item:
    nested = {k: escape_json(v) for k, v in carry.items() if k in NESTED}
    return present({
        "description": escape(f"{row['kind']}: {' '.join(row['input'].split())[:80]}"),
        "vars": {
            "input": escape(row["input"]), "messages": escape_json(row["messages"]),
            **({"context": escape_json(row["context"])} if row["context"] else {}),
        },
        "assert": write_assertions(row) or None,
        "metadata": {**{k: escape(v) for k, v in texts(carry).items()}, **nested},
    })  # fmt: skip


def _parse(item: Item, convert: Convert) -> Parsed:
    if not isinstance(item.get("vars", {}), Mapping):
        raise ValueError("its vars are in another file: put them into the test")
    if item.get("assert") is not None and not isinstance(item["assert"], list):
        raise ValueError("assert must be a list")
    variables = mapping(item.get("vars"), "vars")
    filler = Filler(variables)
    held = {k: _read(k, v, filler) for k, v in variables.items()}
    test = item if isinstance(item, Test) else Test()
    asked = _question(held, test, filler, convert)
    expected = read_assertions(item.get("assert") or [], filler)
    row = {
        **asked.row, **{k: v for k, v in held.items() if k == "input"}, **expected.row(),
        "context": documents(held.get("context")),
    }  # fmt: skip
    others = {k: held[k] for k in asked.dropped if k in held and k not in _OURS}
    row |= {"variables": others} if others else {}
    dropped = [f"vars.{k}" for k in asked.dropped if k not in _OURS and k not in others]
    options = [name for place in _OPTIONS for name in _options(item.get(place), place)]
    own = {k: v for k, v in item.items() if k not in _OPTIONS}
    return parsed(row, [*dropped, *expected.dropped, *filler.failed, *options, *test.dropped], own, _KNOWN)


def _options(options: Any, place: str) -> list[str]:
    if not isinstance(options, Mapping):
        return [place] if options else []
    silent = ("disableVarExpansion", "disableDefaultAsserts")
    return [f"{place}.{k} (not run)" if k in _RUN else f"{place}.{k}" for k in options if k not in silent]


def _question(held: Mapping[str, Any], test: Test, filler: Filler, convert: Convert) -> Parsed:
    """Return what is asked: a variable with a usual name, else the only one, else the prompt with all filled in.

    Raises:
        ValueError: several variables may be the question, and nothing says which.
    """
    asked = {k: v for k, v in held.items() if k != "context"}
    own = [k for k in asked if k not in test.inherited]
    name = first_of({k: asked[k] for k in own}, QUESTION_NAMES) or first_of(asked, QUESTION_NAMES)
    name = name or (own[0] if len(own) == 1 else None)
    if name is None and len(asked) == 1:
        name = next(iter(asked))
    if name is not None:
        found = conversation({name: asked[name]}, convert)
        return Parsed(found.row, (*found.dropped, *(k for k in asked if k != name)))
    if not asked:
        return Parsed(conversation_row([]))
    if len(test.prompts) != 1:
        raise ValueError(f"which of the variables {', '.join(map(str, asked))} is the question? Name it `question`")
    return conversation(_of_prompt(filler.fill(test.prompts[0], "prompt")), convert)


def _of_prompt(text: str) -> Any:
    """Return the conversation of a prompt, which is JSON where it has several messages."""
    found = _json(text)
    return found if isinstance(found, list) else text


def _read(name: str, value: Any, filler: Filler) -> Any:
    """Return a variable with the others filled in, conversations and documents decoded."""
    if loads_a_file(value):
        raise ValueError(f"vars.{name} is in another file, {value[:80]!r}: put it into the test")
    if name in NESTED and isinstance(value, str):
        return filler.fill(_json(value), f"vars.{name}") if "{{" in value else _json(value)
    found = filler.fill(value, f"vars.{name}")
    return unescape(found) if isinstance(found, str) else found


def _json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def _carried(item: Item) -> Row:
    held = mapping(item.get("metadata"), "metadata")
    return of_texts({k: unescape(v) if isinstance(v, str) and k not in NESTED else v for k, v in held.items()})


def _changes(row: Row) -> dict[str, str]:
    marked = [k for k in ("input", "reference", "criteria") if isinstance(row.get(k), str) and escape(row[k]) != row[k]]
    why = "an invisible U+2060 within a template or file mark keeps promptfoo from rendering or loading it"
    ends = {"end of input": "promptfoo removes the line end"} if row["input"].endswith("\n") else {}
    return {**dict.fromkeys(marked, why), **ends}


def _recognises(item: Mapping[str, Any]) -> bool:
    marks = ("vars", "assert", "defaultTest", "scenarios")
    scenario = isinstance(item.get("config"), list)
    return scenario or any(k in item for k in marks) or {"prompts", "providers"} <= item.keys()


YAML = Format(
    "promptfoo", "yaml",
    {"messages": "vars.messages", "input": "vars.input", "context": "vars.context",
     "criteria": "assert llm-rubric or not-icontains", "criteria_kind": "assert llm-rubric or not-icontains",
     "reference": "assert factuality or icontains", "reference_alternatives": "assert icontains-any or llm-rubric"},
    _write, _parse, _recognises, "metadata", _carried, changes=_changes, expand=expand,
)  # fmt: skip

_METADATA = "__metadata:"


def _cells(item: Item) -> Item:
    """Return a test as a row of promptfoo's CSV."""
    expected = [
        f"{a['type']}:{a['value'] if isinstance(a['value'], str) else ','.join(a['value'])}"
        for a in item.get("assert", ())
    ]
    return {
        **item["vars"], "__description": item["description"],
        **{f"__expected{n}": text for n, text in enumerate(expected, 1)},
        **{f"{_METADATA}{k}": v for k, v in item.get("metadata", {}).items()},
    }  # fmt: skip


def _test(cells: Item) -> Item:
    """Return the test of a row of promptfoo's CSV; what promptfoo configures in further columns is not kept."""
    held = {k: v for k, v in cells.items() if v not in ("", None)}
    expected = [parse_assertion(v) for k, v in held.items() if k.startswith("__expected")]
    further = [k for k in held if k.startswith("__") and not k.startswith(("__expected", _METADATA, "__description"))]
    return {
        "vars": {k: v for k, v in held.items() if not k.startswith("__")},
        "assert": [_trimmed(a) for a in expected],
        "metadata": {k[len(_METADATA) :]: v for k, v in held.items() if k.startswith(_METADATA)},
        **{k: held[k] for k in further},
    }  # fmt: skip


def _trimmed(assertion: Item) -> Item:
    value = assertion.get("value")
    return {**assertion, "value": value.strip()} if isinstance(value, str) else assertion


CSV = replace(
    YAML,
    name="promptfoo-csv", container="csv",
    where={**YAML.where, "messages": "messages", "input": "input", "context": "context",
           "criteria": "__expected", "criteria_kind": "__expected", "reference": "__expected",
           "reference_alternatives": "__expected"},
    write=lambda row, carry: _cells(_write(row, carry)),
    parse=lambda item, convert: _parse(_test(item), convert),
    recognises=lambda i: any(k.startswith(("__expected", "__description", _METADATA)) for k in i),
    metadata="__metadata:… columns", carried=lambda item: _carried(_test(item)),
    changes=lambda row: {**_changes(row), **quoted(row)},
    expand=one_by_one,
)  # fmt: skip
