"""YAML files that people and programs edit at the same time: no writer overwrites changes it has not seen."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flywheel_pipeline.atomic_write import locked, replace_text, version_of
from flywheel_pipeline.errors import ConflictError, CorruptFileError

HEAD = """\
# The failure modes, for people to review: rename, redefine, move a member to another mode, or set `status`
# (provisional, accepted, retired), `severity` (low, medium, high) and `note`. The next run writes what you changed
# into `history`. `flywheel taxonomy` and the page /taxonomy/ of `flywheel serve` do the same.
# Comments below these lines are not kept.
"""
"""The comment that a new taxonomy begins with."""

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""libyaml where it is there: ten times as fast, which matters from thousands of failures on."""


@dataclass(frozen=True)
class Content:
    """What a file holds (None if it is not there) and a hash of its bytes."""

    value: Any
    version: str


class ReviewedFile:
    """One YAML file. Comments before its first line of content are kept when it is replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def version(self) -> str:
        """Return the version of the content, without parsing it."""
        return version_of(self._data())

    def text(self) -> Content:
        """Return the text as it stands, empty if the file is not there, for a reader that names lines.

        Raises:
            CorruptFileError: the file is not UTF-8.
        """
        data = self._data()
        try:
            return Content(data.decode("utf-8"), version_of(data))
        except UnicodeDecodeError as error:
            raise CorruptFileError(f"{self.path} is not UTF-8 text: {error}") from None

    def read(self) -> Content:
        """Return the content.

        Raises:
            CorruptFileError: the file is not YAML.
        """
        data = self._data()
        try:
            value = yaml.load(data.decode("utf-8"), LOADER)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise CorruptFileError(
                f"{self.path} is not valid YAML: {error}. Fix it, or restore it from version control."
            ) from None
        return Content(value, version_of(data))

    def replace(self, value: Any, seen: str, head: str = "") -> str:
        """Make `value` the content if the file is still of the version `seen`; return the new version.

        It is on the disk when this returns. `head` is the comment that a new file begins with.

        Raises:
            ConflictError: the file has changed since it was read.
        """
        text = yaml.dump(value, Dumper=DUMPER, sort_keys=False, allow_unicode=True, width=100)
        return self._write(lambda: (self._head() or head) + text, seen)

    def replace_text(self, text: str, seen: str) -> str:
        """Make `text` the file's text, as `replace` does with a value; comments are those of `text`."""
        return self._write(lambda: text, seen)

    def _write(self, made: Callable[[], str], seen: str) -> str:
        with locked(self.path.parent) as folder:
            if version_of(self._data()) != seen:
                raise ConflictError(
                    f"{self.path.name} has changed since it was read; nothing was overwritten: read it again"
                )
            text = made()
            replace_text(self.path, text)
            os.fsync(folder)
        return version_of(text.encode())

    def _data(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    def _head(self) -> str:
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True) if self.path.exists() else []
        first = next((n for n, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
        return "".join(lines[:first])
