"""What happens at Fernwater between the demo's two turns: the expert, the promotion, and a week under the new prompt.

`flip_labels.jsonl` and `second_week_labels.jsonl` are the verdicts of Mira, the support lead, recorded beforehand. Each
is on one answer, whose hash stands beside it: where the assistant answers something else, there is no verdict.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from flywheel_pipeline import prompts
from flywheel_pipeline.atomic_write import replace_text
from flywheel_pipeline.demo.record import PROMPT_NAME, record_traffic
from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.flows.deploy.promote import Mover, promote_candidate
from flywheel_pipeline.flows.flips import Flip, flips_to_label, keep_flip_labels
from flywheel_pipeline.flows.sample import draw_batch
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureMode
from flywheel_pipeline.settings import SETTINGS_FILE

EXPERT = "mira"
FLIPS_READ_AT, PROMOTED_AT = "2025-06-13T10:00:00Z", "2025-06-13T15:00:00Z"
LABELS_FILE, LABELLED_FROM = "2025-06-24-mira.jsonl", datetime(2025, 6, 24, 9, 0)
CONSENT = """
gate:
  # Mira, 2025-06-13, for this candidate only: she has read every answer that changed, few cases guard these modes.
  consent: {modes}
"""


def rows_of(name: str) -> list[dict[str, Any]]:
    """Return the rows of a file of the demo."""
    return [json.loads(line) for line in files(__package__).joinpath(name).read_text("utf-8").splitlines()]


def label_flips(bench: Workbench) -> list[dict[str, Any]]:
    """Give the expert's verdicts on the flipped cases that the gate asks about; return those given."""
    known = {(row["case_id"], row["answers"]): row for row in rows_of("flip_labels.jsonl")}
    given = [row for flip in flips_to_label(bench) if (row := _flip_label(flip, known))]
    keep_flip_labels(bench, given)
    return given


def _flip_label(flip: Flip, known: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[str, Any] | None:
    verdicts = known.get((flip.case.case_id, flip.pair.digest))
    if verdicts is None:
        return None
    about = {"base": flip.base, "candidate": flip.candidate, "batch": flip.batch}
    return {**about, **verdicts, "annotator": EXPERT, "at": FLIPS_READ_AT}


def consent_to_unguarded(bench: Workbench) -> list[str]:
    """Write into `flywheel.yaml` that all failure modes may ship although too few cases guard them; return them."""
    modes = sorted(m.name for m in bench.lake.read("failure_taxonomy", FailureMode, "status <> 'retired'"))
    path = bench.settings.home / SETTINGS_FILE
    text = path.read_text("utf-8")
    if "\ngate:" not in text:
        replace_text(path, text + CONSENT.format(modes=json.dumps(modes, ensure_ascii=False)))
    return modes


def promote_and_withdraw_consent(bench: Workbench, n_labelled: int) -> str:
    """Promote the candidate, end the consent that was for it alone, and return the version.

    Raises:
        GateError: the gate did not let it ship.
    """
    path = bench.settings.home / SETTINGS_FILE
    message = f"read all {n_labelled} answers that changed; consent to the modes that few cases guard, this once"
    try:
        return promote_candidate(bench, None, Mover(EXPERT, message, PROMOTED_AT))
    finally:
        replace_text(path, path.read_text("utf-8").partition("\ngate:")[0])


def serve_week(bench: Workbench) -> list[dict[str, Any]]:
    """Let the assistant answer the second week as an application would, under the prompt now in production.

    The traces go to `traces/`, one file per day; returns them.
    """
    prompt = prompts.get(PROMPT_NAME, source=bench.settings.home)
    traces = record_traffic(rows_of("second_week.jsonl"), prompt.text, prompt.version)
    days: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for trace in traces:
        days[trace["started_at"][:10]].append(trace)
    for day, rows in days.items():
        put_rows(bench, bench.settings.home / "traces" / f"{day}.jsonl", rows)
    return traces


def put_rows(bench: Workbench, path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a landing file; a finished file need not settle before it is read."""
    replace_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    settled = time.time() - bench.settings.automation.settle_seconds - 1
    os.utime(path, (settled, settled))


def label_week(bench: Workbench) -> list[dict[str, Any]]:
    """Draw the batch of the second week and submit the expert's verdicts on it; return those given.

    She names the failure mode of each, also of the failures of the first week that words alone had put elsewhere.
    """
    capture_traces(bench)
    _, drawn = draw_batch(bench)
    wanted = {row.trace_id for row in drawn if row.to_label}
    rows = rows_of("second_week_labels.jsonl")
    known = {(row["session_id"], row["answer"]): row for row in rows if "answer" in row}
    query = "select trace_id, session_id, output from raw_traces order by trace_id"
    found = bench.lake.frame(query).itertuples(index=False, name=None)
    given = [{**known[s, digest(o)], "trace_id": t} for t, s, o in found if t in wanted and (s, digest(o)) in known]
    given += [row for row in rows if "answer" not in row]
    labels = [_label(row, number) for number, row in enumerate(given)]
    put_rows(bench, bench.settings.home / "labels" / LABELS_FILE, labels)
    return labels


def digest(answer: str | None) -> str:
    """Return the hash of an answer that the expert's verdict is on."""
    return hashlib.sha256((answer or "").encode()).hexdigest()[:16]


def _label(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    at = f"{LABELLED_FROM + timedelta(seconds=75 * number):%Y-%m-%dT%H:%M:%SZ}"
    named = {name: row[name] for name in ("trace_id", "verdict", "category", "code", "comment") if name in row}
    return {**named, "annotator": EXPERT, "labelled_at": at}
