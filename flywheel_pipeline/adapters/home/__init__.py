"""The flywheel home on disk: landing files, label files, and the files that people review."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flywheel_pipeline.adapters.home.history import History
from flywheel_pipeline.adapters.home.reviewed import ReviewedFile
from flywheel_pipeline.append_only import AppendOnlyFile
from flywheel_pipeline.atomic_write import replace_text
from flywheel_pipeline.errors import CorruptFileError

LONGEST_NAME = 255
"""Bytes of a file's name, which no file system exceeds."""


@dataclass(frozen=True)
class HomeFile:
    """A file that people or apps put into the home: `name` is relative to its folder."""

    name: str
    path: Path
    size: int
    modified_ns: int

    @property
    def stamp(self) -> str:
        """What changes when the file does, cheap to read."""
        return f"{self.size}:{self.modified_ns}"

    def settled(self, seconds: float) -> bool:
        """Return whether the file was last written to at least `seconds` ago, or by a clock that is ahead of ours."""
        return not 0 <= time.time() - self.modified_ns / 1e9 < seconds

    @property
    def locked(self) -> bool:
        """Whether a spreadsheet program has the file open: Excel and LibreOffice say so in a file beside it."""
        names = (f"~${self.path.name}", f".~lock.{self.path.name}#")
        return any(
            len(n.encode(errors="surrogateescape")) <= LONGEST_NAME and self.path.with_name(n).exists() for n in names
        )

    def fingerprint(self) -> str:
        """Return the SHA-256 of the content."""
        with self.path.open("rb") as file:
            return _digest(file)


def _digest(file: Any) -> str:
    sha = hashlib.sha256()
    while block := file.read(1 << 20):
        sha.update(block)
    return sha.hexdigest()


class Home:
    """A flywheel home: a folder with one folder for each kind of file that people write or review."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def files(self, folder: str) -> list[HomeFile]:
        """Return the files under `folder`, by name; hidden and temporary ones are left out."""
        found = sorted(p for p in (self.root / folder).rglob("*") if p.is_file() and _visible(p, self.root))
        return [self._file(p, self.root / folder) for p in found]

    def settled_files(self, folder: str, seconds: float) -> list[HomeFile]:
        """Return the files that have not been written to for `seconds`, waiting up to twice that for young ones.

        A file that is still being written then, or that is open in a spreadsheet, is left out: half of it must not be
        taken for all of it.
        """
        end = time.monotonic() + 2 * seconds
        while any(not f.settled(seconds) for f in self.files(folder)) and time.monotonic() < end:
            time.sleep(min(0.5, seconds))
        return [f for f in self.files(folder) if f.settled(seconds) and not f.locked]

    def history(self, folder: str) -> History:
        """Return the versions of the files of `folder` that were read."""
        return History(self.root / folder)

    def _file(self, path: Path, base: Path) -> HomeFile:
        stat = path.stat()
        return HomeFile(path.relative_to(base).as_posix(), path, stat.st_size, stat.st_mtime_ns)

    def read_yaml(self, name: str) -> Any:
        """Return the content of a YAML file of the home, None when it is not there.

        Raises:
            CorruptFileError: the file is not YAML.
        """
        path = self.root / name
        try:
            return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise CorruptFileError(f"{path} is not valid YAML: {error}. Restore it from version control.") from None

    def write_yaml(self, name: str, value: Any) -> None:
        """Replace a YAML file of the home in one step."""
        replace_text(self.root / name, yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100))

    def read_json(self, name: str) -> Any:
        """Return the content of a computed JSON file of the home, None when it is not there or not whole."""
        try:
            return json.loads((self.root / name).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def write_json(self, name: str, value: Any) -> None:
        """Replace a computed JSON file of the home in one step."""
        replace_text(self.root / name, json.dumps(value, ensure_ascii=False))

    def stamp(self, name: str) -> str:
        """Return what changes when a file of the home does, cheap to read; "" where there is none."""
        path = self.root / name
        return self._file(path, self.root).stamp if path.is_file() else ""

    def append_only(self, name: str) -> AppendOnlyFile:
        """Return a JSONL file of the home that only grows."""
        return AppendOnlyFile(self.root / name)

    def reviewed(self, name: str) -> ReviewedFile:
        """Return a YAML file of the home that people and runs edit."""
        return ReviewedFile(self.root / name)


def _visible(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    return not any(p.startswith((".", "~")) for p in parts) and path.suffix not in (".tmp", ".part", ".md")
