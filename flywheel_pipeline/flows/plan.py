"""The improvement plan of a home: the facts on each failure mode, the lever that they show, and tickets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.registry import Registry
from flywheel_pipeline.atomic_write import replace_text
from flywheel_pipeline.errors import CorruptFileError, EditError
from flywheel_pipeline.flows.compare import WITH_MODEL
from flywheel_pipeline.flows.evaluate import active_cases, read_verdicts, reads_of_test
from flywheel_pipeline.flows.improve import judgement_of
from flywheel_pipeline.flows.labelled import labelled_traces
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.leakage import asked
from flywheel_pipeline.records import FailureMode, GoldenCase, ImprovementPlan, Json
from flywheel_pipeline.stats import Rate, proportion
from flywheel_pipeline.steps.golden import LabelledTrace, labelled_case, near_pairs
from flywheel_pipeline.steps.golden.evidence import named_documents
from flywheel_pipeline.steps.improve import READER, Judgement
from flywheel_pipeline.steps.improve.plan import ModeFacts, Round, plan_mode
from flywheel_pipeline.steps.improve.ticket import TicketTrace, write_ticket
from flywheel_pipeline.steps.improve.training import count_families

MOST_ROUNDS = 20
"""Latest prompts that met the gate, which are looked at."""
TICKET_TRACES = 20
OWN = ("failure", "synthetic")


def make_plan(bench: Workbench) -> list[ImprovementPlan]:
    """Write the table `improvement_plan` and return its rows, what to fix first at the top."""
    facts = _Facts(bench)
    rows = []
    for mode in facts.modes:
        found = facts.of(mode)
        plan = plan_mode(found)
        to_do, evidence = (Json(json.dumps(x, ensure_ascii=False)) for x in (plan.to_do, found.evidence()))
        rows.append(ImprovementPlan(mode.mode_id, mode.name, plan.lever, plan.reason, to_do, evidence, mode.rank))
    bench.lake.write("improvement_plan", rows)
    return rows


def facts_of(bench: Workbench, word: str) -> tuple[FailureMode, ModeFacts]:
    """Return a failure mode, by its id or name, and what is known of it.

    Raises:
        EditError: there is no such mode.
    """
    facts = _Facts(bench)
    wanted = word.strip().casefold()
    found = [m for m in facts.modes if m.mode_id == word or m.name.casefold() == wanted]
    if len(found) != 1:
        listed = "; ".join(f"{m.mode_id} {m.name}" for m in facts.modes) or "none"
        raise EditError(f"{'Several modes are' if found else 'No mode is'} called {word!r}. There are: {listed}")
    return found[0], facts.of(found[0])


def ticket_for(bench: Workbench, word: str, file: Path) -> int:
    """Write a ticket on the traces of a mode in which a tool or the app went wrong first; return their number.

    Raises:
        EditError: there is no such mode, or no such trace.
    """
    mode, facts = facts_of(bench, word)
    if not facts.tool_traces:
        raise EditError(f'No trace of "{mode.name}" is known to go wrong first at a tool or in the app.')
    chosen = facts.tool_traces[:TICKET_TRACES]
    errors = _errors(bench, chosen)
    traces = [
        TicketTrace(
            t.trace_id, t.comment or "", json.loads(t.messages), t.first_failure_step, errors.get(t.trace_id, "")
        )
        for t in labelled_traces(bench) if t.trace_id in chosen
    ]  # fmt: skip
    reason = f"the first thing that goes wrong is a tool call or an error of the app in {facts.at_tool} of the failures"
    replace_text(file, write_ticket(mode.name, mode.definition, reason, traces))
    return len(traces)


@dataclass(frozen=True)
class _Facts:
    """All that the plan is made from, read once."""

    bench: Workbench

    @cached_property
    def modes(self) -> list[FailureMode]:
        found = self.bench.lake.read("failure_taxonomy", FailureMode, "status <> 'retired'")
        return sorted(found, key=lambda m: m.rank)

    @cached_property
    def traces(self) -> list[LabelledTrace]:
        return labelled_traces(self.bench)

    @cached_property
    def errors(self) -> Mapping[str, str]:
        return _errors(self.bench, [t.trace_id for t in self.traces if t.failed])

    @cached_property
    def judgement(self) -> Judgement:
        return judgement_of(self.bench)

    @cached_property
    def cases(self) -> list[GoldenCase]:
        return active_cases(self.bench)

    @cached_property
    def gated(self) -> list[tuple[str, list[Any], list[Any]]]:
        """The prompts that met the gate, oldest first: (version, verdicts before, verdicts after)."""
        read = (str(r.get("prompt_version")) for r in reads_of_test(self.bench) if r.get("by") == READER)
        versions = [v for v in dict.fromkeys(read) if WITH_MODEL not in v][-MOST_ROUNDS:]
        bases = {v: _base_of(self.bench.registry, v) for v in versions}
        return [
            (v, read_verdicts(self.bench, base), read_verdicts(self.bench, v))
            for v, base in bases.items() if base
        ]  # fmt: skip

    def of(self, mode: FailureMode) -> ModeFacts:
        own = [t for t in self.traces if t.failed and t.mode_id == mode.mode_id]
        at_tool = {t.trace_id: _fails_at_tool(t, self.errors) for t in own}
        answers = [c for t in own if (c := labelled_case(t)) and c.reference]
        judges = [j for j in self.judgement.judges if self.judgement.guarded(j) == mode.mode_id]
        known = [x for x in at_tool.values() if x is not None]
        return ModeFacts(
            mode.mode_id, mode.name, len(own), sum(bool(json.loads(t.retrieved)) for t in own),
            _share([not _has_all(t) for t in own if _named(t)]),
            _share([
                not t.failed for t in self.traces
                if _named(t) and _has_all(t) and (not t.failed or t.mode_id == mode.mode_id)
            ]),
            _share(known), bool(judges), tuple(self._rounds(mode, judges)), len(answers),
            count_families([asked(c.messages) for c in answers], near_pairs),
            tuple(i for i, x in at_tool.items() if x),
        )  # fmt: skip

    def _rounds(self, mode: FailureMode, judges: Sequence[str]) -> list[Round]:
        dev = [c.case_id for c in self.cases if c.mode_id == mode.mode_id and c.split == "dev" and c.kind in OWN]
        found = []
        for version, before, after in self.gated if judges else ():
            sides = [[self.judgement.mode(rows, j) for j in judges] for rows in (before, after)]
            known = [c for c in dev if all(c in outcomes for side in sides for outcomes in side)]
            old, new = (tuple(min(outcomes[c] for outcomes in side) for c in known) for side in sides)
            found += [Round(version, old, new)] if known else []
        return found


def _share(values: Sequence[bool]) -> Rate:
    return proportion(sum(values), len(values))


def _base_of(registry: Registry, version: str) -> str | None:
    try:
        return registry.get(version).base_version
    except CorruptFileError:  # a version that is not there any more shows nothing
        return None


def _named(trace: LabelledTrace) -> tuple[str, ...]:
    """Return the documents that the expert says are needed; what is inferred from the retrieved ones shows no gap."""
    return named_documents(json.loads(trace.extra))


def _has_all(trace: LabelledTrace) -> bool:
    retrieved = {str(d.get("id")) for d in json.loads(trace.retrieved) if isinstance(d, Mapping)}
    return set(_named(trace)) <= retrieved


def _fails_at_tool(trace: LabelledTrace, errors: Mapping[str, str]) -> bool | None:
    """Return whether a tool call, a tool's result or an error of the app is what fails first; None if not known."""
    messages = json.loads(trace.messages)
    if trace.trace_id in errors:
        return True
    if not any(_is_tool(m) for m in messages):
        return False
    step = trace.first_failure_step
    return _is_tool(messages[step]) if step is not None and 0 <= step < len(messages) else None


def _is_tool(message: Mapping[str, Any]) -> bool:
    return message.get("role") in ("tool", "function") or bool(message.get("tool_calls"))


def _errors(bench: Workbench, trace_ids: Sequence[str]) -> dict[str, str]:
    """Return {trace_id: the error that ended it}."""
    sql = "select trace_id, error from raw_traces where error is not null and trace_id in (select unnest(?))"
    frame = bench.lake.frame(sql, [list(trace_ids)])
    return dict(frame.itertuples(index=False, name=None))
