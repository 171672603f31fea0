"""The loss report: what of our cases a file of another tool holds, where, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Loss:
    """Something that does not come through: a field, or how a text looks to the target."""

    what: str
    cases: int
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """Cases that the file does not hold."""

    reason: str
    case_ids: tuple[str, ...]


@dataclass(frozen=True)
class LossReport:
    """What became of the cases: `cases` = `written` + those left out."""

    format: str
    cases: int
    written: int
    where: Mapping[str, str]
    """{our field: where it is}."""
    lost: tuple[Loss, ...]
    """Fields that do not come back when the file is read again: this is measured, not declared."""
    changed: tuple[Loss, ...]
    """Texts that the target sees otherwise than they are; they come back as they were."""
    left_out: tuple[LeftOut, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON holds it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the report for people."""
        places: dict[str, list[str]] = {}
        for name, place in self.where.items():
            if place != name:
                places.setdefault(place, []).append(name)
        return [
            f"{self.written} of {self.cases} cases are written",
            *(f"  {', '.join(names)}: in {place}" for place, names in places.items()),
            *(_together("lost", self.lost) or ["nothing is lost"] * bool(self.written)),
            *_together("changed", self.changed),
            *(f"left out: {len(x.case_ids)} cases {x.reason}" for x in self.left_out),
        ]


def _together(word: str, losses: Sequence[Loss]) -> list[str]:
    found: dict[tuple[int, str], list[str]] = {}
    for x in losses:
        found.setdefault((x.cases, x.reason), []).append(x.what)
    return [f"{word}: {', '.join(names)} of {n} cases: {reason}" for (n, reason), names in found.items()]
