"""Labels of prompts, such as `production`: pointers at versions, every move of which is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flywheel_pipeline.append_only import AppendOnlyFile
from flywheel_pipeline.errors import ConflictError, CorruptFileError, GateError
from flywheel_pipeline.names import clean_name

FILE = "labels.jsonl"
PRODUCTION = "production"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Canary:
    """Another version for a share of traffic, 0 < `share` < 1; `canary_id` decides who is in it."""

    canary_id: str
    version: str
    share: float


@dataclass(frozen=True)
class Move:
    """One move of a label: the version it points at from then on (None: the label is gone), when, by whom and why."""

    label: str
    version: str | None
    at: str = ""
    by: str = ""
    message: str = ""
    canary: Canary | None = None

    def __post_init__(self) -> None:
        for name in ("by", "message"):
            object.__setattr__(self, name, clean_name(getattr(self, name)))


@dataclass(frozen=True)
class Labels:
    """All moves, the oldest first, and the version of the file that holds exactly these."""

    moves: Sequence[Move]
    seen: str

    def now(self) -> dict[str, Move]:
        """Return the last move of every label that there is."""
        last = {m.label: m for m in self.moves}
        return {label: m for label, m in sorted(last.items()) if m.version is not None}

    def history(self, label: str) -> list[str]:
        """Return the versions that a label pointed at, oldest first; starting or ending a canary is no new entry."""
        versions = [m.version for m in self.moves if m.label == label and m.version is not None]
        return [v for i, v in enumerate(versions) if i == 0 or v != versions[i - 1]]


class LabelFile:
    """`labels.jsonl`: one line per move, appended if the file is still the one that was read."""

    def __init__(self, folder: Path) -> None:
        self.file = AppendOnlyFile(folder / FILE)

    def read(self) -> Labels:
        """Return the labels.

        Raises:
            CorruptFileError: a line is not a move of a label.
        """
        lines = self.file.read()
        return Labels([_move(self.file.path, n, row) for n, row in enumerate(lines.rows, 1)], lines.version)

    def append(self, move: Move, seen: str | None = None) -> None:
        """Append a move; it is on the disk when this returns.

        Raises:
            ConflictError: the file is no longer of the version `seen`; nothing was appended.
            GateError: the label's name is not one.
        """
        if not NAME.fullmatch(move.label):
            raise GateError(f"{move.label!r} is no label: use lower-case letters, digits, dots and hyphens.")
        row = {k: v for k, v in asdict(move).items() if v is not None or k == "version"}
        if seen is None:
            self.file.extend(lambda _: [row])
            return
        try:
            self.file.append([row], seen)
        except ConflictError:
            raise ConflictError(f"The label {move.label!r} was moved in the meantime; nothing was changed.") from None


def _move(path: Path, number: int, row: Mapping[str, Any]) -> Move:
    try:
        version, canary = row["version"], row.get("canary")
        tried = canary and Canary(str(canary["canary_id"]), str(canary["version"]), float(canary["share"]))
        texts = {k: str(row.get(k) or "") for k in ("at", "by", "message")}
        return Move(str(row["label"]), None if version is None else str(version), **texts, canary=tried or None)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptFileError(f"{path}, line {number} is not a move of a label: {error!r}. Restore it.") from None
