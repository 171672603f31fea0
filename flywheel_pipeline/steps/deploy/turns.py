"""The turns of the flywheel: what each one took, decided and brought, from a log of decisions and the label's moves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from flywheel_pipeline.records import FlywheelTurn, Json, PromptCandidate
from flywheel_pipeline.stats import Rate, rate_difference

NONE = "none"
"""The decision of a turn without a candidate."""
NOT_PROMOTED, NOT_MEASURED = "not promoted", "production has not been measured under both prompts yet"
Key = tuple[str, str | None]


@dataclass(frozen=True)
class TurnNote:
    """A decision of the gate and what was known by then; one line of `prompts/turns.jsonl`.

    `n_labels` and `modes` ({id: name}) count everything so far; calls and their price are those since the last line.
    `failures_at` is the median start of the traces among the labelled failures since `base` went into production, and
    `production` its pass rate under `base` by labels of our sample ({value, low, high, n}; None where there are none).
    """

    at: str
    base: str
    candidate: str | None
    decision: str
    reason: str
    n_labels: int
    modes: Mapping[str, str]
    test: Mapping[str, float]
    traffic: Mapping[str, Any]
    failures_at: str | None = None
    n_calls: int = 0
    cost_usd: float | None = 0.0
    production: Mapping[str, Any] | None = None

    @property
    def turn(self) -> Key:
        """What makes it a turn of its own."""
        return self.base, self.candidate

    @property
    def facts(self) -> dict[str, Any]:
        """What was decided and known, without when and without what was paid."""
        return {k: v for k, v in asdict(self).items() if k not in ("at", "n_calls", "cost_usd")}

    def says_more_than(self, last: TurnNote | None) -> bool:
        """Return whether it is worth a line of its own after the last one."""
        return last is None or self.n_calls > 0 or self.facts != last.facts


@dataclass(frozen=True)
class Gain:
    """A change of production's pass rate with its 95 % interval and what it rests on, or why it is not known."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    basis: str = ""
    reason: str = ""


@dataclass
class _Sums:
    """What the lines of one turn add up to."""

    last: TurnNote
    n_calls: int = 0
    cost_usd: float | None = 0.0
    n_labels: int = 0
    modes: dict[str, str] = field(default_factory=dict)

    def add(self, note: TurnNote, before: TurnNote | None) -> None:
        """Add a line, `before` that of any turn before it; one that only says what was paid since decides nothing."""
        self.last = note if note.facts != self.last.facts else self.last
        self.n_labels += note.n_labels - (before.n_labels if before else 0)
        self.n_calls += note.n_calls
        known = None not in (self.cost_usd, note.cost_usd)
        self.cost_usd = (self.cost_usd or 0.0) + (note.cost_usd or 0.0) if known else None


def decided_of(candidates: Sequence[PromptCandidate]) -> PromptCandidate | None:
    """Return the candidate of a turn: the one that met the gate, else the first that was rejected; None without any."""
    decided = [c for c in candidates if c.decision]
    return next((c for c in decided if "overall" in json.loads(c.evidence)), decided[0] if decided else None)


def describe_decision(candidate: PromptCandidate | None) -> dict[str, Any]:
    """Return the fields of a `TurnNote` that the gate's decision gives."""
    if candidate is None:
        why = "no prompt was proposed"
        return {"candidate": None, "decision": NONE, "reason": why, "test": {}, "traffic": {"problem": why}}
    evidence = json.loads(candidate.evidence)
    test = {k: evidence["overall"][k] for k in ("difference", "low", "high")} if "overall" in evidence else {}
    return {
        "candidate": candidate.candidate_id, "decision": candidate.decision, "reason": candidate.reason, "test": test,
        "traffic": evidence.get("traffic", {"problem": "it was not evaluated on the test split"}),
    }  # fmt: skip


def build_turns(
    notes: Iterable[TurnNote], moves: Sequence[tuple[str, str]], realised: Mapping[tuple[str, str], Gain]
) -> list[FlywheelTurn]:
    """Return the turns, the oldest first.

    `moves` are (version, time) of the production label, oldest first. What a turn realised is the difference of the
    pass rates that were noted under both prompts; where one is missing, what `realised` says of (version before,
    version after), from judges.
    """
    turns: dict[Key, _Sums] = {}
    rates: dict[str, Rate] = {}
    before: TurnNote | None = None
    known = set[str]()
    for note in notes:
        sums = turns.setdefault(note.turn, _Sums(note))
        sums.add(note, before)
        sums.modes |= {i: name for i, name in note.modes.items() if i in sums.modes or i not in known}
        before, known = note, known | set(note.modes)
        if note.production:
            rates[note.base] = Rate(**note.production)
    realised = {**realised, **_by_labels(turns.values(), rates)}
    return [_row(number, sums, _promotion(sums.last, moves), realised) for number, sums in enumerate(turns.values(), 1)]


def _by_labels(turns: Iterable[_Sums], rates: Mapping[str, Rate]) -> dict[tuple[str, str], Gain]:
    """Return the differences of pass rates by labels, by (version before, version after)."""
    found: dict[tuple[str, str], Gain] = {}
    for base, candidate in (sums.last.turn for sums in turns):
        if candidate is not None and candidate in rates and base in rates:
            before, after = rates[base], rates[candidate]
            basis = f"by labels of random samples, n={before.n} before and n={after.n} after"
            found[base, candidate] = Gain(*rate_difference(after, before), basis)
    return found


@dataclass(frozen=True)
class _Promotion:
    at: datetime | None = None
    undone_at: datetime | None = None


def _promotion(note: TurnNote, moves: Sequence[tuple[str, str]]) -> _Promotion:
    """Return when the candidate replaced its base, and when production went back to a prompt of before."""
    versions = [version for version, _ in moves]
    for i in range(1, len(moves)):
        if (versions[i - 1], versions[i]) == note.turn:
            after = next((j for j in range(i + 1, len(moves)) if versions[j] != versions[i]), None)
            undone = after is not None and versions[after] in versions[:i]
            return _Promotion(read_time(moves[i][1]), read_time(moves[after][1]) if undone and after else None)
    return _Promotion()


def read_time(text: str | None) -> datetime | None:
    """Return a time of a file as naive UTC; None where the file has none."""
    if not text:
        return None
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found.astimezone(timezone.utc).replace(tzinfo=None) if found.tzinfo else found


def _row(number: int, sums: _Sums, promotion: _Promotion, realised: Mapping[tuple[str, str], Gain]) -> FlywheelTurn:
    note = sums.last
    found = _realised(note, promotion, realised)
    decided_at = read_time(note.at)
    assert decided_at is not None
    return FlywheelTurn(
        turn=number, base_version=note.base, candidate_id=note.candidate, decided_at=decided_at,
        decision=note.decision, reason=note.reason, labels_added=sums.n_labels, n_new_modes=len(sums.modes),
        new_modes=Json(json.dumps(sorted(sums.modes.values()), ensure_ascii=False)),
        test_gain=note.test.get("difference"), test_low=note.test.get("low"), test_high=note.test.get("high"),
        predicted_gain=note.traffic.get("difference"), predicted_low=note.traffic.get("low"),
        predicted_high=note.traffic.get("high"), predicted_reason=str(note.traffic.get("problem", "")),
        realised_gain=found.value, realised_low=found.low, realised_high=found.high, realised_basis=found.basis,
        realised_reason=found.reason,
        promoted_at=promotion.at, rolled_back_at=promotion.undone_at,
        hours_to_fix=_hours(read_time(note.failures_at), promotion.at), cost_usd=sums.cost_usd, n_calls=sums.n_calls,
    )  # fmt: skip


def _realised(note: TurnNote, promotion: _Promotion, realised: Mapping[tuple[str, str], Gain]) -> Gain:
    if promotion.at is None or note.candidate is None:
        return Gain(reason=NOT_PROMOTED)
    return realised.get((note.base, note.candidate), Gain(reason=NOT_MEASURED))


def _hours(start: datetime | None, end: datetime | None) -> float | None:
    """Return the hours between two times; None where one is unknown, or the fix would come before the failure."""
    if start is None or end is None or end < start:
        return None
    return round((end - start).total_seconds() / 3600, 1)
