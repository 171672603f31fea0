"""Critical cases: golden cases that a prompt must pass, however much better it is on all others.

The rule: the expert's verdict on the candidate's answer counts first. Without one, a failure by an evaluator that
decides (a code check, a trusted judge) is a hard rule broken. A failure by a judge that is not trusted yet, or no
outcome at all, shows nothing and lets nothing ship.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flywheel_pipeline.steps.improve.flips import Labels


@dataclass(frozen=True)
class CriticalCases:
    """The critical cases of all splits, and how the candidate does on them.

    `after` is {case_id: passes} by all that decide, unknown outcomes left out. `doubted` is {case_id: names of the
    judges that fail it without being trusted}. `accepted` are failures that a person let stay.
    """

    cases: tuple[str, ...] = ()
    after: Mapping[str, float] = field(default_factory=dict)
    doubted: Mapping[str, str] = field(default_factory=dict)
    accepted: frozenset[str] = frozenset()

    def failing(self, labels: Labels) -> list[str]:
        """Return the cases that fail: by the expert's verdict, else by all that decide."""
        return [c for c in self._counted() if (not labels[c][1] if c in labels else self.after.get(c, 1.0) < 1)]

    def doubtful(self, labels: Labels) -> list[str]:
        """Return the cases that only a judge without a vote fails, which the expert has to look at."""
        return [c for c in self._counted() if c not in labels and self.after.get(c) == 1 and c in self.doubted]

    def unknown(self, labels: Labels) -> list[str]:
        """Return the cases without an outcome."""
        return [c for c in self._counted() if c not in labels and c not in self.after]

    def _counted(self) -> list[str]:
        return [c for c in self.cases if c not in self.accepted]
