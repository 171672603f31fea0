"""What a sensor remembers between ticks: which files it asked a run for, and whether their tables were there since."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

FILLED, LOSSES = "\0filled", "\0losses"
"""Entries of a cursor beside the files, whose names cannot begin with NUL."""


@dataclass(frozen=True)
class Memory:
    """The stamp of every file that a run was asked for, whether the tables were seen filled, and how often they were
    lost since: a run for a lost table has another key than the first one, which Dagster would not start again."""

    seen: Mapping[str, str] = field(default_factory=dict)
    filled: bool = False
    losses: int = 0

    @classmethod
    def of(cls, cursor: str | None) -> "Memory":
        """Read a cursor; one of an earlier version holds the files alone."""
        found: dict[str, str] = json.loads(cursor or "{}")
        losses, filled = int(found.pop(LOSSES, "0")), FILLED in found
        found.pop(FILLED, None)
        return cls(found, filled, losses)

    @property
    def cursor(self) -> str:
        """The memory as a cursor."""
        state = {LOSSES: str(self.losses)} if self.losses else {}
        return json.dumps({**self.seen, **state, **({FILLED: ""} if self.filled else {})})

    def look(self, filled: bool) -> "Memory":
        """Return the memory after a look at the tables; where they were filled and are not, they were lost."""
        return replace(self, filled=filled, losses=self.losses + (self.filled and not filled))
