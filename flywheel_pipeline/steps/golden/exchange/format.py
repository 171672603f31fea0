"""The parts of an exchange format: how a case becomes an item of another tool, and how an item is parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.steps.golden.exchange.rows import Row

Item = dict[str, Any]
"""One item of a file of another tool: a test, an example, a sample, a row."""

Convert = Callable[[Any], list[dict[str, Any]]]
"""Turns a conversation in any known form into OpenAI-style messages."""


@dataclass(frozen=True)
class Found:
    """An item of a file, or the problem that keeps it from being read.

    `line` is where it begins; of a JSON array, its number. `raw` is its beginning in the file, where there are lines.
    `document` holds what the document says beside its list of items, such as promptfoo's `defaultTest`.
    """

    line: int
    item: Item
    raw: str
    problem: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Parsed:
    """The fields of a case that an item holds, and the names of what was not kept."""

    row: Row
    dropped: tuple[str, ...] = ()


def one_by_one(found: Sequence[Found]) -> Iterator[Found]:
    """Yield the items as they are: in most formats an item is a case."""
    yield from found


@dataclass(frozen=True)
class Format:
    """A file format of another tool.

    `write` returns the item of a row; its second argument holds the fields for which the item has no place of their
    own, and which go into its metadata. `parse` is the inverse for the item's own fields, `carried` for its metadata;
    both raise ValueError, with the reason, for an item that cannot be used.
    """

    name: str
    container: str
    """How items make a file: `json`, `jsonl`, `yaml` or `csv`."""
    where: Mapping[str, str]
    """{our field: the field of the item that holds it}."""
    write: Callable[[Row, Row], Item]
    parse: Callable[[Item, Convert], Parsed]
    recognises: Callable[[Mapping[str, Any]], bool]
    """Whether an item, with what the document says beside it, looks like one of this format."""
    metadata: str = ""
    """The field that holds everything else; empty if there is none."""
    carried: Callable[[Item], Mapping[str, Any]] = field(default=lambda _: {})
    refuse: Callable[[Row], str] = field(default=lambda _: "")
    """Why a case cannot be written in this format; empty if it can."""
    changes: Callable[[Row], Mapping[str, str]] = field(default=lambda _: {})
    """{what: why} of what the target sees differently from how it is here."""
    expand: Callable[[Sequence[Found]], Iterator[Found]] = one_by_one
    """The cases of the items, where one item may stand for several."""
