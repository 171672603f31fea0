"""Which lever would fix a failure mode: the prompt, retrieval, tools or code, fine-tuning; or what would decide it.

Each lever is chosen on evidence that it is the right one, never because the others are not: where the evidence does not
decide, the plan says so, and which labels would.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.records import LEVERS
from flywheel_pipeline.stats import Rate, paired_change, proportion

PROMPT, RETRIEVAL, TOOL, FINE_TUNING, UNCLEAR = LEVERS
HALF = 0.5
"""Share of a mode's failures that have a cause, or do not, by the bounds of the 95 % interval."""
SHOWN_BETTER = 0.95
"""Probability from which a prompt is shown to fix a mode's own dev cases, shared among all rounds (Bonferroni): the
best of many looks better by chance."""
TARGET = 0.05
"""Failure rate above which, by its lower bound, a mode has survived a round of prompts."""
ROUNDS, FAMILIES = 2, 1_000
"""Gated rounds that a mode must have survived, and distinct families with right answers, before fine-tuning."""


@dataclass(frozen=True)
class Round:
    """A prompt that met the gate, on the mode's own dev cases: {case: pass rate} before and after, where known."""

    version: str
    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def p_better(self) -> float:
        """The probability that it passes more of them than production."""
        return paired_change(self.before, self.after).p_better if self.before else 0.5

    @property
    def fails(self) -> Rate:
        """The share of them that fail under it."""
        return proportion(sum(a < 1 for a in self.after), len(self.after))

    @property
    def is_survived(self) -> bool:
        """Whether the mode still fails for certain."""
        return self.fails.low > TARGET

    def __str__(self) -> str:
        change = paired_change(self.before, self.after)
        return (
            f"{self.version}: {change.fixed:.3g} fixed and {change.broken:.3g} broken of {len(self.before)} dev cases"
        )


@dataclass(frozen=True)
class ModeFacts:
    """What is known of a failure mode.

    Attributes:
        n_failures: labelled failures of it.
        n_documents: of these, with retrieved documents.
        missing: share whose needed documents were not all retrieved, of those of which they are known.
        right_when_there: share of passes among labelled answers, passes and failures of this mode, that had all the
            documents that they needed.
        at_tool: share whose first failing step is a tool call, a tool's result or an error of the app, of those of
            which it is known.
        judged: whether an evaluator of it may decide.
        rounds: prompts that met the gate, oldest first; without an evaluator that may decide there are none.
        n_answers: failures with a right answer on file; `n_families` those that are no near-duplicates.
        tool_traces: traces of failures at a tool.
    """

    mode_id: str
    name: str
    n_failures: int
    n_documents: int = 0
    missing: Rate = field(default_factory=lambda: proportion(0, 0))
    right_when_there: Rate = field(default_factory=lambda: proportion(0, 0))
    at_tool: Rate = field(default_factory=lambda: proportion(0, 0))
    judged: bool = False
    rounds: tuple[Round, ...] = ()
    n_answers: int = 0
    n_families: int = 0
    tool_traces: tuple[str, ...] = ()

    @property
    def uses_documents(self) -> bool:
        """Whether documents were retrieved for some of its failures, or were needed."""
        return self.n_documents > 0 or self.missing.n > 0

    @property
    def n_survived(self) -> int:
        """How many gated rounds it has survived."""
        return sum(r.is_survived for r in self.rounds)

    def evidence(self) -> dict[str, Any]:
        """Return it as plain values, for the table."""
        rates = {"missing_documents": self.missing, "right_when_there": self.right_when_there, "at_tool": self.at_tool}
        return {
            "n_failures": self.n_failures,
            **{k: {"share": r.value, "low": r.low, "high": r.high, "n": r.n} for k, r in rates.items()},
            "rounds": [str(r) for r in self.rounds], "n_survived": self.n_survived,
            "n_answers": self.n_answers, "n_families": self.n_families, "tool_traces": list(self.tool_traces),
        }  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """The lever of a mode, the evidence in words, and what to do: to pull the lever, or to find out which it is."""

    lever: str
    reason: str
    to_do: tuple[str, ...]


def plan_mode(facts: ModeFacts) -> Plan:
    """Return the lever of a failure mode."""
    ways = (_fine_tuning, _working_prompt, _tool, _retrieval, _prompt)
    return next((plan for way in ways if (plan := way(facts))), None) or _unclear(facts)


def needs_for_training(facts: ModeFacts) -> list[str]:
    """Return what a mode lacks for fine-tuning; nothing if it may be tried."""
    needs = []
    if facts.n_survived < ROUNDS:
        needs.append(f"it has survived {facts.n_survived} of {ROUNDS} gated rounds of prompts")
    if facts.n_families < FAMILIES:
        needs.append(
            f"{facts.n_families:,} of {FAMILIES:,} distinct families of its failures have a right answer on file"
        )
    return needs


def _fine_tuning(facts: ModeFacts) -> Plan | None:
    if needs_for_training(facts):
        return None
    reason = f"it fails after {facts.n_survived} gated rounds, and {facts.n_families:,} families have right answers"
    return Plan(
        FINE_TUNING, reason, (f'`flywheel plan training "{facts.name}" FILE` writes the checked training file',)
    )


def _working_prompt(facts: ModeFacts) -> Plan | None:
    best = max(facts.rounds, key=lambda r: r.p_better, default=None)
    if best is None or best.p_better < 1 - (1 - SHOWN_BETTER) / len(facts.rounds):
        return None
    return Plan(
        PROMPT,
        f"a prompt helps, with probability {best.p_better:.2f}: {best}",
        (f"`flywheel evals compare production {best.version}` shows the cases",),
    )


def _tool(facts: ModeFacts) -> Plan | None:
    if facts.at_tool.low < HALF:
        return None
    reason = f"the first thing that goes wrong is a tool call or an error of the app in {facts.at_tool} of its failures"
    return Plan(TOOL, reason, (f'`flywheel plan ticket "{facts.name}" FILE` writes a ticket with {_traces(facts)}',))


def _traces(facts: ModeFacts) -> str:
    n = len(facts.tool_traces)
    return f"{n} trace{'s' if n != 1 else ''}"


def _retrieval(facts: ModeFacts) -> Plan | None:
    if facts.missing.low < HALF or facts.right_when_there.low < HALF:
        return None
    reason = (
        f"needed documents were not retrieved in {facts.missing} of its failures, and answers with all of theirs are "
        f"right in {facts.right_when_there}"
    )
    return Plan(RETRIEVAL, reason, ("`flywheel plan retrieval` measures other settings of your retrieval",))


def _prompt(facts: ModeFacts) -> Plan | None:
    """The prompt where the documents were there and no tool failed, as long as prompts have not failed twice."""
    if (
        (facts.uses_documents and facts.missing.high >= HALF)
        or facts.at_tool.high >= HALF
        or facts.n_survived >= ROUNDS
    ):
        return None
    documents = (
        f"needed documents were missing in {facts.missing}" if facts.uses_documents else "its traces hold no documents"
    )
    reason = f"{documents}, and a tool or the app went wrong in {facts.at_tool} of its failures: instructions are left"
    return Plan(PROMPT, reason, ("`flywheel run` proposes a prompt; `flywheel try` tries one of yours",))


def _unclear(facts: ModeFacts) -> Plan:
    if facts.n_survived >= ROUNDS:
        reason = f"{facts.n_survived} gated rounds of prompts have not fixed it, and no other cause is shown"
        return Plan(UNCLEAR, reason, (*_to_find_out(facts), "for fine-tuning: " + "; ".join(needs_for_training(facts))))
    unknown = []
    if facts.uses_documents and facts.missing.low < HALF <= facts.missing.high:
        unknown.append(f"whether documents were missing ({facts.missing})")
    if facts.at_tool.low < HALF <= facts.at_tool.high:
        unknown.append(f"whether a tool or the app went wrong ({facts.at_tool})")
    if facts.missing.low >= HALF:
        unknown.append(f"whether answers are right when the documents are there ({facts.right_when_there})")
    return Plan(UNCLEAR, f"not known: {'; '.join(unknown)}", _to_find_out(facts))


def _to_find_out(facts: ModeFacts) -> tuple[str, ...]:
    needs: list[str] = []
    if facts.uses_documents and facts.missing.low < HALF <= facts.missing.high:
        needs.append(
            "name the documents that its failures need, in a column `expected_doc_ids` of the label file, those that "
            f"were not retrieved included: {_more(facts.missing)}"
        )
    if facts.at_tool.low < HALF <= facts.at_tool.high:
        more = _more(facts.at_tool)
        needs.append(f"label failures of it, with the first failing step where tools were called: {more}")
    if facts.missing.low >= HALF > facts.right_when_there.low:
        needs.append(f"label answers that had all their documents, with their ids: {_more(facts.right_when_there)}")
    if not facts.judged:
        needs.append("give it an evaluator that may decide (`judge_alignment` says how), so that a prompt can show it")
    return tuple(needs)


def _more(rate: Rate) -> str:
    """Return how many more observations at the present rate would put a half outside of the interval, in words."""
    value = rate.value if rate.n else 0.0
    for n in range(rate.n + 1, 200):
        at_rate = proportion(round(value * n), n)
        if at_rate.low >= HALF or at_rate.high < HALF:
            more = n - rate.n
            return f"about {more} more" if rate.n else f"{more} at least"
    return "more than 200, the share is near one half"
