"""Tables of the deploy step."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

from flywheel_pipeline.records.schema import Column


@dataclass(frozen=True)
class PromptVersion:
    """One version of the app's prompt, as kept in the registry."""

    version: Annotated[str, Column("Hash of the text", unique=True)]
    name: Annotated[str, Column("The prompt's name")]
    text: Annotated[str, Column("The system prompt")]
    base_version: Annotated[str | None, Column("The version that it was made from")]
    note: Annotated[str, Column("Where it comes from")]

    @classmethod
    def of(cls, name: str, text: str, base: str | None, note: str) -> PromptVersion:
        """Return the version of a text; equal texts are the same version, whatever their line ends."""
        kept = "\n".join(text.strip().splitlines())
        return cls(hashlib.sha256(kept.encode()).hexdigest()[:12], name, kept, base, note)
