"""What a format of another tool is made of: a case into one of its items, and an item into what it tells of a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.steps.golden.exchange.rows import Row

Item = dict[str, Any]
"""One item of a file of another tool: a test, an example, a sample, a row."""

Convert = Callable[[Any], list[dict[str, Any]]]
"""A conversation in any form that the world has for it -> OpenAI-style messages."""


@dataclass(frozen=True)
class Told:
    """What an item says of a case, under our names, and the names of what was not understood."""

    row: Row
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """A format.

    `make` returns the item of a row; the second argument is what the item's own fields can not say and goes into its
    metadata, if it has any. `tell` is the inverse for the item's own fields, `carried` for its metadata; both raise
    ValueError, with the reason, for an item that can not be used.
    """

    name: str
    container: str
    """How items make a file: `json`, `jsonl`, `yaml` or `csv`."""
    where: Mapping[str, str]
    """{our field: the field of the item that holds it}."""
    make: Callable[[Row, Row], Item]
    tell: Callable[[Item, Convert], Told]
    mine: Callable[[Item], bool]
    """Whether an item looks like one of this format."""
    metadata: str = ""
    """Where all other fields go; empty: nowhere."""
    carried: Callable[[Item], Mapping[str, Any]] = field(default=lambda _: {})
    refuse: Callable[[Row], str] = field(default=lambda _: "")
    """Why a case can not be told in this format; empty: it can."""
    altered: Callable[[Row], Mapping[str, str]] = field(default=lambda _: {})
    """{what: why} of the texts that the target sees otherwise than they are."""
