"""`evaluators.yaml`: which evaluator judges which failure mode, read strictly, with the line of every mistake."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.steps.evaluate.evaluators.catalogue import MAY_ERR, ModeJudge, make_evaluator

FILE = "evaluators.yaml"
LONGEST = 500_000
"""Characters of the file that are read."""
MOST_NODES = 100_000
"""Values of the file, those of an alias counted wherever it stands: a few lines of aliases can be billions."""
ALL = "all"
"""In the place of a mode: the evaluator judges every answer."""

HEAD = """\
# The evaluators of the failure modes, for people to review. `mode` is the id or name of a failure mode, or `all`.
# `status`: proposed (does not run until a person sets it to accepted), accepted, or rejected (is not proposed again; a
# rejected `judge` switches off the judge of its mode). `requirement: true` lets a check in code decide without labels,
# because it is what was agreed. `flywheel evaluator try NAME` shows how far one agrees with the expert.
"""
"""The comment that a new file begins with."""


class Entry(BaseModel):
    """One evaluator of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")
    mode: str = Field(min_length=1, pattern=r"\S")
    kind: str
    settings: dict[str, Any] = {}
    when: tuple[Annotated[str, Field(min_length=1, pattern=r"\w")], ...] = ()
    requirement: bool = False
    status: Literal["proposed", "accepted", "rejected"] = "accepted"
    why: str = ""
    _line: int = PrivateAttr(0)

    @property
    def line(self) -> int:
        """The line of the file on which it begins; 0 for one that is in no file."""
        return self._line

    def evaluator(self) -> Any:
        """Return the evaluator with its settings.

        Raises:
            ValueError: there is no such kind, or a setting is wrong.
        """
        return make_evaluator(self.kind, self.settings)


def read_entries(text: str) -> list[Entry]:
    """Return the entries of the file's text; none for an empty one.

    Raises:
        CorruptFileError: the file or one of its entries is not understood; the text names the line.
    """
    root, content = _parse(text)
    if content is None or root is None:
        return []
    if not isinstance(content, dict) or set(content) != {"evaluators"}:
        raise CorruptFileError(f"{FILE} must hold a list of evaluators under the key `evaluators`, and nothing else")
    if not isinstance(content["evaluators"], list):
        if content["evaluators"] is None:
            return []
        raise _wrong(root.start_mark.line + 1, "`evaluators` must be a list")
    lines = [node.start_mark.line + 1 for node in root.value[0][1].value]
    entries = [_entry(value, line) for value, line in zip(content["evaluators"], lines, strict=True)]
    seen: dict[str, int] = {}
    for entry in entries:
        if entry.name in seen:
            raise _wrong(entry.line, f"the name {entry.name!r} is taken by line {seen[entry.name]}")
        seen[entry.name] = entry.line
    return entries


def _parse(text: str) -> tuple[Any, Any]:
    """Return the text as nodes, which know their lines, and as values."""
    if len(text) > LONGEST:
        raise CorruptFileError(f"{FILE} has {len(text):,} characters; at most {LONGEST:,} are read. Shorten it.")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None:
            _count_nodes(root, {})
        return root, yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise CorruptFileError(f"{FILE} is not valid YAML: {error}") from None
    except RecursionError:
        raise CorruptFileError(f"{FILE} is nested too deeply to be read. Flatten it.") from None


def dump_entries(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the content of the file; what is as by default is left out, but for the status."""
    return {"evaluators": [{**e.model_dump(exclude_defaults=True, mode="json"), "status": e.status} for e in entries]}


def with_entries(text: str, new: Sequence[Entry]) -> str:
    """Return the file's text with entries added at its end; what a person wrote stays as it is, comments included.

    Raises:
        CorruptFileError: the text is not understood.
    """
    before = read_entries(text)
    added = yaml.safe_dump(dump_entries(new)["evaluators"], sort_keys=False, allow_unicode=True, width=100)
    indent = " " * _column(text) if before else ""
    wanted = dump_entries([*before, *new])
    made = (text.rstrip() or HEAD.rstrip() + "\nevaluators:") + "\n" + "".join(
        indent + line for line in added.splitlines(keepends=True)
    )  # fmt: skip
    if _holds(made, wanted):
        return made
    return _head(text) + yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True, width=100)


def with_status(text: str, name: str, status: str) -> str:
    """Return the file's text with another status of one entry.

    Raises:
        CorruptFileError: the text is not understood.
        KeyError: it has no entry of this name.
    """
    before = read_entries(text)
    at = {e.name: i for i, e in enumerate(before)}[name]
    after = [e.model_copy(update={"status": status}) if i == at else e for i, e in enumerate(before)]
    lines, wanted = text.splitlines(keepends=True), dump_entries(after)
    first, last = before[at].line - 1, before[at + 1].line - 1 if at + 1 < len(before) else len(lines)
    block = re.sub(r"(?m)((?:^|[\s{,])status:\s*)\w+", rf"\g<1>{status}", "".join(lines[first:last]), count=1)
    made = "".join([*lines[:first], block, *lines[last:]])
    if _holds(made, wanted):
        return made
    return _head(text) + yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True, width=100)


def _holds(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return dump_entries(read_entries(text)) == wanted
    except CorruptFileError:
        return False


def _column(text: str) -> int:
    """Return the column of the dashes of the list."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    first = root.value[0][1].value[0] if root is not None else None
    return max(first.start_mark.column - 2, 0) if first is not None else 0


def _head(text: str) -> str:
    lines = text.splitlines(keepends=True)
    first = next((n for n, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    return "".join(lines[:first]) or HEAD


def _entry(value: Any, line: int) -> Entry:
    if not isinstance(value, Mapping):
        raise _wrong(line, f"expected an evaluator with name, mode and kind, not {value!r:.60}")
    try:
        entry = Entry.model_validate(value)
        evaluator = entry.evaluator()
    except ValidationError as error:
        raise _wrong(line, "; ".join(_explain(e) for e in error.errors()[:3])) from None
    except ValueError as error:
        raise _wrong(line, f"{value.get('name')}: {error}") from None
    if entry.requirement and entry.kind in MAY_ERR:
        raise _wrong(line, f"{entry.name}: {entry.kind} may err, so that it cannot be a requirement")
    if isinstance(evaluator, ModeJudge) and (entry.when or entry.mode == ALL):
        raise _wrong(line, f"{entry.name}: a judge has one failure mode, and no `when`")
    entry._line = line
    return entry


def _explain(error: Any) -> str:
    where = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"unknown key {where!r}; the keys are {', '.join(Entry.model_fields)}"
    if error["type"] == "missing":
        return f"the key {where!r} is missing"
    return f"{where}: {error['msg']}"


def _count_nodes(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node is, and refuse what would be read as something else than what was written.

    That is a key that stands twice, of which YAML would take the later one; a date that is not in quotation marks,
    which equals no text; and aliases that contain themselves or multiply. `known` are the nodes counted so far.
    """
    line = node.start_mark.line + 1
    if id(node) in known:
        if not known[id(node)]:
            raise _wrong(line, "an alias contains itself")
        return known[id(node)]
    if node.tag == "tag:yaml.org,2002:timestamp":
        raise _wrong(line, f"{node.value} is a date in YAML and not a text; put it in quotation marks")
    known[id(node)] = 0
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
    held = [n for pair in node.value for n in pair] if isinstance(node, yaml.MappingNode) else node.value
    count = 1 + (sum(_count_nodes(n, known) for n in held) if isinstance(node, yaml.CollectionNode) else 0)
    if count > MOST_NODES:
        raise _wrong(line, f"there are more than {MOST_NODES:,} values, those of aliases counted; shorten it")
    known[id(node)] = count
    return count


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if str(key.value) in seen:
            raise _wrong(key.start_mark.line + 1, f"the key {key.value!r} stands twice")
        seen.add(str(key.value))


def _wrong(line: int, what: str) -> CorruptFileError:
    return CorruptFileError(f"{FILE}, line {line}: {what}")
