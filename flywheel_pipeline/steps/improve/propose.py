"""What an improver is shown, and what it proposes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from flywheel_pipeline.records import GoldenCase

ADDED, CHANGED, REMOVED = "added", "changed", "removed"


@dataclass(frozen=True)
class ModeEvidence:
    """What an improver may know of a failure mode: `cases` are of the train split only.

    `comments` are the expert's. `answers` and `critiques` are {case_id: the answer under the prompt that is to be
    improved} and {case_id: what evaluators found wrong with it}, for cases that fail under it.
    """

    name: str
    definition: str
    n_failures: int
    comments: tuple[str, ...]
    cases: tuple[GoldenCase, ...]
    mode_id: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    critiques: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LineReason:
    """Why a line was changed: the failure mode, the train cases that show it, and the improver's own words.

    `action` is `added`, `changed` or `removed`; `line` is the line as it stands in the new prompt, or stood in the old
    one where it was removed.
    """

    line: str
    action: str
    mode_id: str
    mode: str
    cases: tuple[str, ...]
    why: str = ""

    def as_row(self) -> dict[str, Any]:
        """Return it as plain values, for the tables."""
        return asdict(self)


@dataclass(frozen=True)
class ProposedPrompt:
    """A proposed prompt and what was changed; `examples` is the part of the text that holds few-shot examples.

    `reasons` are those of all lines in which it differs from production.
    """

    text: str
    changes: tuple[str, ...]
    examples: str = ""
    reasons: tuple[LineReason, ...] = ()

    @property
    def instructions(self) -> str:
        """The text without the few-shot examples."""
        return self.text.removesuffix(self.examples) if self.examples else self.text


def refuse_held_out(cases: Sequence[GoldenCase]) -> None:
    """Refuse cases that an improver must not see.

    Raises:
        ValueError: a case is not of the train split.
    """
    unseen = [c.case_id for c in cases if c.split != "train"]
    if unseen:
        raise ValueError(f"the improver may only see cases of the train split, not {', '.join(unseen[:5])}")
