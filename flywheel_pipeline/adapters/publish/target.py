"""What a prompt is published as, and what every target can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Release:
    """A prompt version to publish; `message` says why it is in production."""

    name: str
    version: str
    text: str
    message: str = ""
    model: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def commit_message(self) -> str:
        """The message beside the version at the target."""
        return f"flywheel {self.version}" + (f": {self.message}" if self.message else "")


@dataclass(frozen=True)
class Found:
    """What is in production at a target: its text, and the target's own id of that version."""

    text: str
    remote: str


class Target(Protocol):
    """A place where an application reads its prompt."""

    @property
    def where(self) -> str:
        """What it is called in messages and in the log of publications; it holds no credentials."""
        ...

    def read(self, name: str) -> Found | None:
        """Return what is in production there; None where nothing is.

        Raises:
            PublishError: the target cannot be read.
        """
        ...

    def write(self, release: Release, known: str | None) -> str:
        """Put a release into production there and return the target's id of it.

        `known` is its id from an earlier publication: where that version is still there, it is pointed at again.

        Raises:
            PublishError: the target refused it, or cannot be reached.
            ConflictError: somebody else changed it at the same time.
        """
        ...
