"""What people are alerted of: conditions of a home, each once as long as it lasts, and where alerts go."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from flywheel_pipeline.adapters.notify import send
from flywheel_pipeline.flows.deploy.health import read_health
from flywheel_pipeline.flows.evaluate import standing_judges
from flywheel_pipeline.flows.flips import flips_waiting
from flywheel_pipeline.flows.sample import read_batches
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureMode
from flywheel_pipeline.settings import AlertKind
from flywheel_pipeline.steps.deploy import advice
from flywheel_pipeline.steps.evaluate import decides, evaluator_names
from flywheel_pipeline.words import count

DAY = 86_400
KEPT = 200
"""Runs that are remembered as reported, and alerts that wait for an address that does not take them, at most."""

Send = Callable[[Sequence[str], str, str], list[bool]]


@dataclass(frozen=True)
class Alert:
    """One thing that people should know of.

    An alert of the same `key` is not sent again while it lasts. One with `after_days` is sent once it has lasted that
    long.
    """

    key: str
    kind: AlertKind
    title: str
    text: str
    after_days: float = 0.0


@dataclass(frozen=True)
class Watch:
    """What is remembered from one look to the next.

    `since` is when the runs were looked at last, `first_seen` and `sent` have the keys of what lasts, `runs` those of
    runs that were reported, `voting` the judges that have decided, `waiting` alerts with the places of the addresses
    that did not take them.
    """

    since: float
    first_seen: Mapping[str, float] = field(default_factory=dict)
    sent: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    voting: tuple[str, ...] = ()
    waiting: tuple[tuple[Alert, tuple[int, ...]], ...] = ()

    @classmethod
    def of(cls, text: str | None, now: float) -> Watch:
        """Read what `text` returned; without it, what failed before `now` is not reported."""
        if not text:
            return cls(now)
        found: dict[str, Any] = json.loads(text)
        waiting = tuple((Alert(**a), tuple(places)) for a, places in found.pop("waiting"))
        sent, runs, voting = (tuple(found[name]) for name in ("sent", "runs", "voting"))
        return cls(found["since"], found["first_seen"], sent, runs, voting, waiting)

    @property
    def text(self) -> str:
        """The memory as JSON."""
        return json.dumps(asdict(self))

    def look(self, lasting: Sequence[Alert] | None, failed: Sequence[Alert], now: float) -> tuple[Watch, list[Alert]]:
        """Return the memory after a look, and the alerts to send: what lasts and was not sent, and runs that failed.

        What lasts is None where the home cannot be read: that memory stays as it is.
        """
        new = [a for a in failed if a.key not in self.runs]
        after = replace(self, runs=(*self.runs, *(a.key for a in new))[-KEPT:])
        if lasting is None:
            return after, new
        seen = {a.key: self.first_seen.get(a.key, now) for a in lasting}
        due = [a for a in lasting if a.key not in self.sent and now - seen[a.key] >= a.after_days * DAY]
        sent = [k for k in self.sent if k in seen] + [a.key for a in due]
        return replace(after, first_seen=seen, sent=tuple(sent)), [*due, *new]

    def deliver(self, alerts: Sequence[Alert], urls: Sequence[str], send: Send = send) -> tuple[Watch, int]:
        """Send alerts, and those that wait, to every address that has not taken them.

        Returns the memory, in which what was not taken waits for the next look, and how many alerts are with everyone.
        """
        everyone = tuple(range(len(urls)))
        left, n = [], 0
        for alert, places in [*self.waiting, *((a, everyone) for a in alerts)]:
            places = tuple(p for p in places if p < len(urls))
            taken = send([urls[p] for p in places], alert.title, alert.text) if places else []
            missing = tuple(p for p, took in zip(places, taken, strict=True) if not took)
            left += [(alert, missing)] if missing else []
            n += not missing
        return replace(self, waiting=tuple(left[-KEPT:])), n


def lasting_alerts(bench: Workbench, voting: Collection[str]) -> tuple[list[Alert], set[str]]:
    """Return the conditions of a home as they are now, and the judges that decide or, as `voting` says, once did."""
    lost, still = _judges(bench, voting)
    return [*_regressed(bench), *lost, *_labels(bench)], still


def _regressed(bench: Workbench) -> list[Alert]:
    rows = read_health(bench)
    found = []
    for row in rows:
        what = advice({row.name: (row.verdict, row.state)}, row.before_version)
        if what:
            key = f"mode_regressed:{row.after_version}:{row.name}:{row.verdict}:{row.state}"
            found.append(Alert(key, "mode_regressed", f"Production got worse: {row.name}", f"{what}. {row.reason}"))
    return found


def _judges(bench: Workbench, voting: Collection[str]) -> tuple[list[Alert], set[str]]:
    rows = [a for a in standing_judges(bench) if a.mode_id]
    names = evaluator_names(rows, {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)})
    now = {a.evaluator for a in rows if decides(a)}
    lost = [a for a in rows if a.evaluator in set(voting) - now]
    alerts = [
        Alert(
            f"judge_lost:{a.evaluator}", "judge_lost", f"A judge lost its vote: {names[a.evaluator]}",
            f"The judge of {names[a.evaluator]} is {a.status} and decides nothing any more: `flywheel evals` says what "
            "to label.",
        )
        for a in lost
    ]  # fmt: skip
    return alerts, now | {a.evaluator for a in lost}


def _labels(bench: Workbench) -> list[Alert]:
    days = bench.settings.alerts.labels_after_days
    found, flips = [], flips_waiting(bench)
    for batch, rows in list(read_batches(bench).items())[-1:]:
        judged = {t for (t,) in bench.lake.rows("select trace_id from annotations where not is_superseded")}
        n = len({r.trace_id for r in rows if r.to_label} - judged)
        if n:
            text = f"Without a verdict in {batch}: {count(n, 'trace')}. `flywheel label` shows them."
            found.append(Alert(f"labels:{batch}", "labels_waiting", _waiting(n, "trace"), text, days))
    if flips and flips.n_asked > flips.n_labelled:
        key, n = f"flips:{flips.candidate}", flips.n_asked - flips.n_labelled
        found.append(Alert(key, "labels_waiting", _waiting(n, "flipped case"), f"{flips}.", days))
    return found


def _waiting(n: int, noun: str) -> str:
    return f"{count(n, noun)} {'waits' if n == 1 else 'wait'} for the expert"
