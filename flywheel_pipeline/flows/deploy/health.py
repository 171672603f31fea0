"""Compare production under the present prompt with production under the one before it, mode by mode."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flywheel_pipeline.flows.evaluate import read_verdicts
from flywheel_pipeline.flows.production import Production, read_production
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import EvalResult, FailureMode, JudgeAlignment, ProductionHealth
from flywheel_pipeline.stats import Change, JudgeError, Recall, corrected_change
from flywheel_pipeline.steps.deploy import (
    FIXED,
    REOPENED,
    Known,
    Mix,
    ModeHealth,
    Rule,
    Seen,
    advice,
    judge_mode,
    mix_factors,
    topics_of,
)
from flywheel_pipeline.steps.evaluate import (
    COMPOSITE,
    ExpertLabel,
    JudgedTrace,
    decides,
    error_of,
    seen_failing,
    without_stale,
)

MOST = 2_000
"""Judged traces of a version that are compared, chosen by the hash of their ids: finding topics takes memory."""

ANY = "any of these modes"
"""What the row of all modes together is called. Failures of modes without a judge are left out: their number would
change the share of failures that the judges catch, which must be the same before and after."""
PERFECT = JudgeError(Recall(1e9, 1e9), Recall(1e9, 1e9))
"""For what is reported as judged: no error to correct."""


@dataclass(frozen=True)
class Health:
    """The comparison: its rows, all modes together first; `problem` says why there is none."""

    rows: list[ProductionHealth]
    before: str = ""
    after: str = ""
    problem: str = ""

    @property
    def headline(self) -> str:
        """What is compared, or why nothing is."""
        if self.problem:
            return f"cannot tell: {self.problem}"
        n = [max((getattr(r, side) for r in self.rows), default=0) for side in ("n_before", "n_after")]
        return f"{self.before} ({n[0]:,} judged traces) -> {self.after} ({n[1]:,} judged traces)"

    @property
    def advice(self) -> str:
        """What to do, "" where nothing is shown to be worse or back."""
        return advice({r.name: (r.verdict, r.state) for r in self.rows}, self.before)


def compare_production(bench: Workbench) -> Health:
    """Compare the production prompt with the one before it, and keep the rows in `production_health`.

    Rows of earlier comparisons stay: they say which modes were fixed.
    """
    known = read_production(bench)
    kept = bench.lake.read("production_health", ProductionHealth)
    pair = _pair(bench.registry.history(), {t.prompt_version for t in known.judged if t.weight is not None})
    if pair is None or not known.modes:
        bench.lake.write("production_health", kept)
        return Health([], problem=_why_not(bench, known))
    others = [r for r in kept if (r.before_version, r.after_version) != pair]
    found = _compare(bench, known, pair, _fixed_before(others, bench.registry.history()))
    bench.lake.write("production_health", [*others, *found.rows])
    return found


def read_health(bench: Workbench) -> list[ProductionHealth]:
    """Return the last comparison of the present production prompt, all modes together first; none without one."""
    history = bench.registry.history()
    rows = bench.lake.read("production_health", ProductionHealth)
    own = [r for r in rows if history and r.after_version == history[-1]]
    before = next((v for v in reversed(history[:-1]) if any(r.before_version == v for r in own)), None)
    return _ordered([r for r in own if r.before_version == before])


def _ordered(rows: Sequence[ProductionHealth]) -> list[ProductionHealth]:
    return sorted(rows, key=lambda r: (r.mode_id != COMPOSITE, r.difference * -1, r.mode_id))


def _pair(history: Sequence[str], judged: set[str | None]) -> tuple[str, str] | None:
    """Return (the last other version with judged traces, the production prompt); None where one has none."""
    if not history or history[-1] not in judged:
        return None
    before = next((v for v in reversed(history[:-1]) if v != history[-1] and v in judged), None)
    return (before, history[-1]) if before else None


def _why_not(bench: Workbench, known: Production) -> str:
    if not any(t.weight is not None for t in known.judged):
        return "no production trace has been judged yet: `flywheel evals production` judges a sample"
    if not known.modes:
        return "no failure mode has an evaluator that may decide: `flywheel evals` says what to label"
    history = bench.registry.history()
    if len(history) < 2:
        return "production has had one prompt only"
    return (
        f"no judged trace was answered under the production prompt {history[-1]}, or none under an earlier one: traces "
        "carry the version where the app reads its prompt by `prompts.get`"
    )


def _fixed_before(rows: Sequence[ProductionHealth], history: Sequence[str]) -> set[str]:
    """Return the modes that were fixed when they were last compared."""
    place = {version: i for i, version in enumerate(history)}
    latest: dict[str, tuple[tuple[int, int], str]] = {}
    for r in rows:
        at = place.get(r.after_version, -1), place.get(r.before_version, -1)
        latest[r.mode_id] = max(latest.get(r.mode_id, ((-1, -1), "")), (at, r.state))
    return {mode for mode, (_, state) in latest.items() if state == FIXED}


def _compare(bench: Workbench, known: Production, pair: tuple[str, str], fixed: set[str]) -> Health:
    """Return the comparison of a pair of versions."""
    modes = {m.mode_id: m for m in bench.lake.read("failure_taxonomy", FailureMode)}
    names = [COMPOSITE, *(m for m in known.modes if m in modes)]
    known = _of_modes(known, names[1:])
    (before, after), covered = _same_mix(bench, [_side(known.judged, version) for version in pair])
    targeted = _targeted(bench, pair)
    controls = _controls((before, after), [m for m in names[1:] if targeted.get(m) is False])
    level = 1 - 0.05 / max(len(names) - 1, 1)
    rows = []
    for name in names:
        about = Known(targeted.get(name), name in modes and modes[name].status == "retired", name in fixed)
        rule = Rule(bench.settings.deploy.margin, 0.95 if name == COMPOSITE else level)
        seen = _seen(known, (before, after), pair, name)
        found = judge_mode(seen, about, controls, rule)
        title = modes[name].name if name in modes else ANY
        row = _row((name, title), pair, (before, after), (found, about, seen), rule)
        part = f"; compared are topics that were {covered:.0%} of the traffic before"
        rows.append(row if covered > 0.99 else replace(row, reason=row.reason + part))
    return Health(_ordered(rows), *pair)


def _of_modes(known: Production, modes: Sequence[str]) -> Production:
    """Return what is known with `judges:all` meaning any of these modes, in verdicts and in labels.

    A trace without a verdict for one of them, for example because a judge may decide only since, has none for all.
    """
    judged = []
    for t in known.judged:
        together = {COMPOSITE: _any(t, modes)} if t.cells.keys() >= set(modes) else {}
        judged.append(replace(t, cells={**{m: t.cells[m] for m in modes if m in t.cells}, **together}))
    labels = [replace(x, failed=x.failed and x.mode_id in modes) for x in known.labels]
    return replace(known, judged=judged, labels=labels)


def _side(judged: Sequence[JudgedTrace], version: str) -> list[JudgedTrace]:
    """Return the sampled traces of a version, a random part of them where there are too many."""
    own = [t for t in judged if t.weight is not None and t.prompt_version == version]
    return sorted(own, key=lambda t: hashlib.md5(t.trace_id.encode()).hexdigest())[:MOST]


def _same_mix(
    bench: Workbench, sides: Sequence[Sequence[JudgedTrace]]
) -> tuple[tuple[list[JudgedTrace], list[JudgedTrace]], float]:
    """Return both sides, the weights after made up for the earlier mix of topics, and the share that it covers."""
    before, after = sides
    ids = [t.trace_id for t in (*before, *after)]
    sql = "select trace_id, input from raw_traces where trace_id in (select unnest(?::varchar[]))"
    with bench.lake.connect() as con:
        inputs = dict(con.execute(sql, [ids]).fetchall())
    topics = topics_of(bench.embed.embed([inputs.get(i, "") for i in ids]))
    weighted = [(topic, t.weight or 1.0) for topic, t in zip(topics, (*before, *after), strict=True)]
    factors, covered = mix_factors(Mix(weighted[: len(before)], weighted[len(before) :]))
    moved = [replace(t, weight=(t.weight or 1.0) * f) for t, f in zip(after, factors, strict=True) if f > 0]
    return (list(before), moved), covered


def _targeted(bench: Workbench, pair: tuple[str, str]) -> dict[str, bool]:
    """Return {mode: whether the golden set showed that the version fixes more of it than it breaks}."""
    alignment = bench.lake.read("judge_alignment", JudgeAlignment)
    deciding = {a.evaluator: a.mode_id for a in alignment if decides(a)}
    one, two = (_labels(without_stale(read_verdicts(bench, version), alignment)) for version in pair)
    found: dict[str, bool] = {}
    for evaluator, mode in deciding.items():
        both = [(one[cell], two[cell]) for cell in one.keys() & two.keys() if cell[1] == evaluator]
        if mode and both:
            net = sum(a == "fail" and b == "pass" for a, b in both) - sum(a == "pass" and b == "fail" for a, b in both)
            found[mode] = found.get(mode, False) or net > 0
    return found


def _labels(rows: Sequence[EvalResult]) -> dict[tuple[str, str], str | None]:
    return {(r.case_id, r.evaluator): r.label for r in rows if r.repeat == 0}


def _controls(sides: tuple[Sequence[JudgedTrace], Sequence[JudgedTrace]], modes: Sequence[str]) -> Change | None:
    """Return how often any mode that was not targeted is judged to fail, before and after; None where it is not known.

    A trace without a verdict for one of them is neither a pass nor a failure.
    """
    modes = [m for m in modes if all(any(m in t.cells for t in traces) for traces in sides)]
    if not modes:
        return None
    both = []
    for traces in sides:
        judged = [replace(t, cells={COMPOSITE: _any(t, modes)}) for t in traces if t.cells.keys() >= set(modes)]
        both.append(seen_failing(judged, COMPOSITE))
    return corrected_change(both[0], both[1], PERFECT) if both[0].n and both[1].n else None


def _any(trace: JudgedTrace, modes: Sequence[str]) -> str:
    return "fail" if any(trace.cells.get(m) == "fail" for m in modes) else "pass"


def _seen(
    known: Production, sides: tuple[Sequence[JudgedTrace], Sequence[JudgedTrace]], pair: tuple[str, str], name: str
) -> Seen:
    cells = known.everything.cells(name)
    version_of = {t.trace_id: t.prompt_version for t in known.judged}
    by_version: list[list[ExpertLabel]] = [
        [replace(x, own_weight=None) for x in known.labels if version_of.get(x.trace_id) == v and not x.seen]
        for v in pair
    ]
    before, after = (seen_failing(traces, name) for traces in sides)
    one, two = (error_of(labels, cells, name) for labels in by_version)
    n_checked = sum(x.trace_id in cells for x in by_version[1])
    return Seen(before, after, error_of(known.labels, cells, name), (one, two), n_checked)


def _row(
    mode: tuple[str, str],
    pair: tuple[str, str],
    sides: tuple[Sequence[JudgedTrace], Sequence[JudgedTrace]],
    found: tuple[ModeHealth, Known, Seen],
    rule: Rule,
) -> ProductionHealth:
    (health, about, seen), change = found, found[0].change
    n = [sum(mode[0] in t.cells for t in traces) for traces in sides]
    return ProductionHealth(
        mode_id=mode[0], name=mode[1], before_version=pair[0], after_version=pair[1], targeted=about.targeted,
        n_before=n[0], n_after=n[1], share_before=change.before.value, share_after=change.after.value,
        difference=change.difference, low=change.low, high=change.high, level=rule.level,
        after_low=change.after.low, after_high=change.after.high, n_labels_after=seen.n_labels_after,
        verdict=health.verdict, state=health.state, reason=health.reason,
    )  # fmt: skip


def reopened_modes(bench: Workbench) -> list[str]:
    """Return the ids of the modes that were fixed or retired and are back under the production prompt."""
    return [r.mode_id for r in read_health(bench) if r.state == REOPENED]
