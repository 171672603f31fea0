"""Every version of a file that was read, so that what a person corrects or deletes later is not lost.

Beside the files of a folder, in `.history/<file>/0001-<time>-<digest>.<ending>`: a copy of the bytes as they were read,
only ever added to. It belongs to what people wrote, not to what is computed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path, PurePath

from flywheel_pipeline.atomic_write import replacing

FOLDER = ".history"
LONGEST_ENDING = 16
DIGEST = 16
"""Hex digits of the SHA-256 in a version's name."""


class History:
    """The versions of the files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / FOLDER

    def keep(self, contents: Mapping[str, bytes], read_at: datetime) -> None:
        """Add what was read, {file: content}, where it is not what the file's last version holds; `read_at` is UTC."""
        for name, data in contents.items():
            known = self._paths(name)
            digest = hashlib.sha256(data).hexdigest()[:DIGEST]
            if known and known[-1].stem.endswith(f"-{digest}"):
                continue
            made = f"{len(known) + 1:04}-{read_at:%Y%m%dT%H%M%SZ}-{digest}{PurePath(name).suffix[:LONGEST_ENDING]}"
            with replacing(self.root / name / made) as temporary:
                temporary.write_bytes(data)

    def versions(self) -> dict[str, list[bytes]]:
        """Return {file: its versions, the oldest first}."""
        folders = sorted({p.parent for p in self.root.rglob("*") if p.is_file() and p.name[0] != "."})
        names = [folder.relative_to(self.root).as_posix() for folder in folders]
        return {name: [p.read_bytes() for p in self._paths(name)] for name in names}

    def _paths(self, name: str) -> list[Path]:
        folder = self.root / name
        return sorted(p for p in folder.iterdir() if p.is_file() and p.name[0] != ".") if folder.is_dir() else []
