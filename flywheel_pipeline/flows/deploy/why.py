"""Why each changed line of a prompt version is there: failure mode, cases, production traces, the expert's words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.adapters.home.files import GOLDEN_FILE, REASONS_FILE
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import Annotation, FailureMode, GoldenCase, PromptCandidate, PromptVersion
from flywheel_pipeline.steps.golden import load_cases
from flywheel_pipeline.steps.improve.reasons import ChangedLine, Reason, explain_lines


@dataclass(frozen=True)
class CaseEvidence:
    """A case that a reason names: its question, the production trace it is of, and the expert's words on that."""

    case_id: str
    question: str = ""
    trace_id: str = ""
    words: str = ""
    by: str = ""
    is_known: bool = True


@dataclass(frozen=True)
class LineEvidence:
    """A reason of a line with its cases; `mode` is what the failure mode is called now."""

    mode: str
    why: str
    cases: tuple[CaseEvidence, ...]


@dataclass(frozen=True)
class ExplainedLine:
    """A changed line and its evidence; without any there is no recorded reason."""

    changed: ChangedLine
    evidence: tuple[LineEvidence, ...]


@dataclass(frozen=True)
class Explained:
    """A version, the one that it was made from (None for a first version), and its changed lines."""

    version: PromptVersion
    base: PromptVersion | None
    lines: tuple[ExplainedLine, ...]

    @property
    def n_without(self) -> int:
        """How many changed lines have no recorded reason."""
        return sum(not line.evidence for line in self.lines)


def keep_reasons(bench: Workbench, candidates: Sequence[PromptCandidate]) -> None:
    """Add the reasons of new candidates to `prompts/reasons.jsonl`: the table holds those of the last run only."""
    new = {c.candidate_id: c for c in candidates if json.loads(c.reasons)}

    def lines(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        known = {(r.get("version"), r.get("base_version")) for r in rows}
        return [
            {"version": v, "base_version": c.base_version, "reasons": json.loads(c.reasons)}
            for v, c in new.items() if (v, c.base_version) not in known
        ]  # fmt: skip

    if new:
        bench.home.append_only(REASONS_FILE).extend(lines)


def explain_version(bench: Workbench, name: str) -> Explained:
    """Return why each line differs in a version (a label, or the beginning of a version) from what it was made from.

    Raises:
        GateError: there is no such version.
        CorruptFileError: the version or a file of the home cannot be read.
    """
    version = bench.registry.get(bench.registry.find(name))
    base = _base(bench, version)
    if base is None:
        return Explained(version, None, ())
    lines = explain_lines(base.text, version.text, _recorded(bench, version))
    return Explained(version, base, _with_evidence(bench, lines))


def _base(bench: Workbench, version: PromptVersion) -> PromptVersion | None:
    """Return what a version was made from; None for a first one, or where that is not in the registry any more."""
    try:
        return bench.registry.get(version.base_version) if version.base_version else None
    except CorruptFileError:
        return None


def _recorded(bench: Workbench, version: PromptVersion) -> list[Mapping[str, Any]]:
    rows = bench.home.append_only(REASONS_FILE).read().rows
    own = [r for r in rows if (r.get("version"), r.get("base_version")) == (version.version, version.base_version)]
    listed = [r["reasons"] for r in own if isinstance(r.get("reasons"), list)]
    return [x for reasons in listed for x in reasons if isinstance(x, Mapping)]


def _with_evidence(bench: Workbench, lines: Sequence[ChangedLine]) -> tuple[ExplainedLine, ...]:
    named = {c for line in lines for r in line.reasons for c in r.cases}
    cases = {c.case_id: c for c in load_cases(bench.home.append_only(GOLDEN_FILE).read().rows) if c.case_id in named}
    traces = [c.source_trace_id for c in cases.values() if c.source_trace_id]
    sql = "is_current and trace_id in (select unnest(?))"
    labels = {a.trace_id: a for a in bench.lake.read("annotations", Annotation, sql, [traces])} if traces else {}
    modes = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}

    def evidence(reason: Reason) -> LineEvidence:
        found = tuple(_evidence(i, cases.get(i), labels) for i in reason.cases)
        return LineEvidence(modes.get(reason.mode_id, reason.mode), reason.why, found)

    return tuple(ExplainedLine(line, tuple(map(evidence, line.reasons))) for line in lines)


def _evidence(case_id: str, case: GoldenCase | None, labels: Mapping[str, Annotation]) -> CaseEvidence:
    if case is None:
        return CaseEvidence(case_id, is_known=False)
    label = labels.get(case.source_trace_id or "")
    words = (label.comment or label.code or "") if label else case.criteria or ""
    return CaseEvidence(case_id, case.input, case.source_trace_id or "", words, label.annotator if label else "")


def explained_lines(found: Explained) -> list[str]:
    """Return it in lines for a terminal."""
    if found.base is None and found.version.base_version:
        return [
            f"{found.version.version} was made from {found.version.base_version}, which is not in prompts/ any more"
        ]
    if found.base is None:
        return [f"{found.version.version} was made from no other version: {found.version.note}"]
    author = found.version.author or "a person"
    head = f"{found.version.version}, made from {found.base.version} by {author}: {len(found.lines)} lines differ"
    without = f", {found.n_without} without a recorded reason" if found.n_without else ""
    return [head + without, *(text for line in found.lines for text in ["", *_line(line)])]


def _line(line: ExplainedLine) -> list[str]:
    changed = line.changed
    shown = [f"- {changed.old or changed.line}"] if changed.old or changed.action == "removed" else []
    shown += [f"+ {changed.line}"] if changed.action != "removed" else []
    if not line.evidence:
        return [*shown, "    no recorded reason"]
    return [*shown, *(text for e in line.evidence for text in _because(e))]


def _because(evidence: LineEvidence) -> list[str]:
    why = f": {evidence.why}" if evidence.why else ""
    lines = [f"    failure mode  {evidence.mode}{why}"]
    for case in evidence.cases:
        if not case.is_known:
            lines.append(f"      {case.case_id} is not in the golden set any more")
            continue
        lines.append(f"      {case.case_id}  trace {case.trace_id or 'none'}  {_short(case.question)}")
        if case.words:
            lines.append(f"        {case.by or 'the expert'}: {_short(case.words, 200)}")
    return lines if evidence.cases else [*lines, "      no case is named"]


def _short(text: str, longest: int = 90) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
