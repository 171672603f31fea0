"""`flywheel_turns`: what the gate decided on is noted when it decides; the table is built from these notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from flywheel_pipeline.adapters.home.files import TURNS_FILE
from flywheel_pipeline.adapters.registry import PRODUCTION
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.flows.evaluate import production_rate
from flywheel_pipeline.flows.flips import read_flip_labels
from flywheel_pipeline.flows.labelled import labelled_traces
from flywheel_pipeline.flows.workbench import Workbench, utc_now
from flywheel_pipeline.records import FailureMode, FlywheelTurn, ProductionHealth, PromptCandidate, SampledTrace
from flywheel_pipeline.steps.cluster import labelled_batch
from flywheel_pipeline.steps.deploy.turns import Gain, TurnNote, build_turns, decided_of, describe_decision, read_time
from flywheel_pipeline.steps.evaluate import COMPOSITE

VERDICTS_SQL = "select count(*) from annotations where is_current and verdict in ('pass', 'fail')"
FAILURES_SQL = """
select strftime(to_timestamp(median(epoch(started_at))) at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ')
from annotations join raw_traces using (trace_id)
where is_current and verdict = 'fail' and ($since is null or started_at >= $since)
"""
OTHERS_SQL = """
select count(*) from raw_traces where trace_id in (select unnest($own::varchar[]))
and (prompt_version <> $base or (prompt_version is null and $since is not null and started_at < $since))
"""
"""Labelled traces that were answered under another prompt, or do not say which and are from before its promotion."""
CALLS_SQL = """
select count(*), case when count(*) = count(cost_usd) then coalesce(sum(cost_usd), 0) end
from llm_calls where not cached and ($since is null or called_at > $since)
"""


def note_turn(bench: Workbench, base: str, candidates: Sequence[PromptCandidate]) -> None:
    """Note what the gate decided on a candidate against `base`, unless the last note says the same; write the table."""
    notes = read_notes(bench)
    spent = _spent_since(bench, notes[-1].at if notes else None)
    note = TurnNote(
        at=_now(), base=base,
        **describe_decision(decided_of(candidates)), **_known(bench, base), **spent,
        production=_pass_rate(bench, base),
    )  # fmt: skip
    last = next((n for n in reversed(notes) if n.turn == note.turn), None)
    if note.says_more_than(last):
        bench.home.append_only(TURNS_FILE).extend(lambda _: [asdict(note)])
    record_turns(bench)


def close_turn(bench: Workbench) -> list[FlywheelTurn]:
    """Note what was paid after the last decision, write the table `flywheel_turns`, and return its rows.

    Raises:
        CorruptFileError: a line of the notes cannot be read.
    """
    notes = read_notes(bench)
    spent = _spent_since(bench, notes[-1].at) if notes else {"n_calls": 0}
    if spent["n_calls"]:
        later = replace(notes[-1], at=_now(), **spent)
        bench.home.append_only(TURNS_FILE).extend(lambda _: [asdict(later)])
    return record_turns(bench)


def _now() -> str:
    return f"{utc_now().isoformat(timespec='microseconds')}Z"


def _known(bench: Workbench, base: str) -> dict[str, Any]:
    """Return what is known by now: labels, failure modes, and when the failures happened."""
    with bench.lake.connect() as con:
        n_verdicts = con.execute(VERDICTS_SQL).fetchall()[0][0]
        failures_at = con.execute(FAILURES_SQL, {"since": _in_production_since(bench, base)}).fetchall()[0][0]
    flips = {(r["base"], r["candidate"], r["case_id"]): r for r in read_flip_labels(bench)}
    n_flips = sum("defer" not in (r["before"], r["after"]) for r in flips.values())
    modes = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode, "status <> 'retired'")}
    return {"n_labels": n_verdicts + n_flips, "modes": modes, "failures_at": failures_at}


def _pass_rate(bench: Workbench, base: str) -> dict[str, Any] | None:
    """Return production's pass rate by labels; None unless the labelled batch is of traffic under `base` alone."""
    rate = production_rate(bench)
    samples = bench.lake.read("sampled_traces", SampledTrace)
    labelled = {t.trace_id for t in labelled_traces(bench)}
    batch = labelled_batch(labelled, samples)
    own = [s.trace_id for s in samples if s.batch == batch and s.trace_id in labelled]
    values = {"own": own, "base": base, "since": _last_promoted(bench, base)}
    with bench.lake.connect() as con:
        others = con.execute(OTHERS_SQL, values).fetchall()[0][0]
    return None if rate is None or others else asdict(rate)


def _in_production_since(bench: Workbench, base: str) -> Any:
    """Return when a prompt went into production; None for the first one, which is older than the flywheel."""
    moves = production_moves(bench)
    return _last_promoted(bench, base) if moves and moves[0][0] != base else None


def _last_promoted(bench: Workbench, base: str) -> Any:
    """Return when a prompt was last put into production, also where it was there before; None for the first one."""
    moves = production_moves(bench)
    return read_time(next((at for version, at in reversed(moves[1:]) if version == base), None))


def _spent_since(bench: Workbench, since: str | None) -> dict[str, Any]:
    with bench.lake.connect() as con:
        ((n, cost),) = con.execute(CALLS_SQL, {"since": read_time(since)}).fetchall()
    return {"n_calls": n, "cost_usd": None if cost is None else round(cost, 6)}


def production_moves(bench: Workbench) -> list[tuple[str, str]]:
    """Return (version, time) of every change of the production prompt, oldest first."""
    moves = [m for m in bench.registry.labels().moves if m.label == PRODUCTION and m.version]
    return [(str(m.version), m.at) for i, m in enumerate(moves) if i == 0 or moves[i - 1].version != m.version]


def record_turns(bench: Workbench) -> list[FlywheelTurn]:
    """Write the table `flywheel_turns` and return its rows, the oldest first.

    Raises:
        CorruptFileError: a line of the notes cannot be read.
    """
    rows = build_turns(read_notes(bench), production_moves(bench), _realised(bench))
    bench.lake.write("flywheel_turns", rows)
    return rows


def _realised(bench: Workbench) -> Mapping[tuple[str, str], Gain]:
    """Return what judges show of production, by (version before, version after), from `production_health`."""
    rows = bench.lake.read("production_health", ProductionHealth, "mode_id = ?", [COMPOSITE])
    return {
        (r.before_version, r.after_version): Gain(
            -r.difference, -r.high, -r.low,
            f"by judges, of the failure modes that they judge, n={r.n_before} before and n={r.n_after} after",
        )
        for r in rows if r.n_before and r.n_after
    }  # fmt: skip


def read_notes(bench: Workbench) -> list[TurnNote]:
    """Return the notes of the gate's decisions, oldest first.

    Raises:
        CorruptFileError: a line lacks a field.
    """
    names = {f.name for f in fields(TurnNote)}
    found = []
    for number, row in enumerate(bench.home.append_only(TURNS_FILE).read().rows, 1):
        try:
            note = TurnNote(**{k: v for k, v in row.items() if k in names})
            read_time(note.at)
        except (TypeError, ValueError, AttributeError) as error:
            raise CorruptFileError(f"{TURNS_FILE}, line {number} is no decision: {error}. Restore it.") from None
        found.append(note)
    return found
