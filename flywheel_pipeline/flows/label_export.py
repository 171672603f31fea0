"""A batch, drawn or picked -> a file to label in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flywheel_pipeline.atomic_write import replacing
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.traces.pick import PickedTrace, picked_to_label
from flywheel_pipeline.flows.workbench import Workbench, utc_now
from flywheel_pipeline.records import Annotation, SampledTrace
from flywheel_pipeline.steps.annotate.write import FORMATS, ToLabel, write_labels
from flywheel_pipeline.steps.annotate.xlsx import WorkbookError

SHOWN_SQL = """\
select trace_id, input, coalesce(output, '') as output, messages from raw_traces
where trace_id in (select unnest(?))
"""


@dataclass(frozen=True)
class _Batch:
    """Traces to label: {trace id: why}; `annotator` is who labels them, the arbiter unless they were sent to another.

    The verdicts on a picked batch are in no rate of traffic.
    """

    name: str
    why: Mapping[str, str]
    annotator: str
    picked: bool


def export_labels(
    bench: Workbench, file: Path | None, batch: str | None, form: str, annotator: str | None
) -> tuple[Path, int, int]:
    """Write the batch (default: the newest that was drawn) to `file` (default: `BATCH.ENDING` in the current folder).

    The rows of a picked batch are marked as picked, and so are the verdicts when the file comes back.

    Returns the file, its rows, and how many of them have a verdict already.

    Raises:
        HomeError: there is no such batch, or a text does not fit into the format.
    """
    chosen = _batch(bench, batch)
    rows = _rows(bench, chosen)
    target = file or Path(f"{chosen.name}{FORMATS[form]}")
    if target.suffix.lower() != FORMATS[form]:
        raise HomeError(f"{target}: a {form} file must end in {FORMATS[form]}, by which it is recognised in labels/.")
    try:
        data = write_labels(rows, form, utc_now(), annotator or chosen.annotator)
    except WorkbookError as error:
        raise HomeError(f"{target}: {error}") from None
    with replacing(target) as temporary:
        temporary.write_bytes(data)
    return target, len(rows), sum(r.label is not None for r in rows)


def _batch(bench: Workbench, wanted: str | None) -> _Batch:
    """Return a batch; the newest is the one whose traces end last."""
    arbiter = bench.settings.annotate.arbiter
    sampled = bench.lake.read("sampled_traces", SampledTrace, "to_label")
    picked = picked_to_label(bench)
    name = wanted or _newest(bench)
    if found := {s.trace_id: s.reason for s in sampled if s.batch == name}:
        return _Batch(name, found, arbiter, False)
    if own := [p for p in picked if p.batch == name]:
        return _Batch(name, {p.trace_id: describe_picked(p) for p in own}, own[0].to, True)
    names = ", ".join([*sorted({s.batch for s in sampled}), *sorted({p.batch for p in picked})])
    if wanted:
        raise HomeError(f"There is no batch {wanted!r}; there are: {names or 'none'}")
    sent = f" Name one that people sent with --batch: {names}." if names else ""
    raise HomeError(f"There is no batch yet: `flywheel run` draws one.{sent}")


def _newest(bench: Workbench) -> str:
    newest = bench.lake.frame(
        "select batch from sampled_traces join raw_traces using (trace_id) group by batch"
        " order by max(started_at) desc, batch desc limit 1"
    )["batch"]
    return str(newest.iat[0]) if len(newest) else ""


def describe_picked(sent: PickedTrace) -> str:
    """Return why a picked trace is in a queue: "ben sent it: his note"."""
    return f"{sent.sent_by} sent it" + (f": {sent.note}" if sent.note else "")


def _rows(bench: Workbench, batch: _Batch) -> list[ToLabel]:
    sql = SHOWN_SQL, [list(batch.why)]
    traces = {row[0]: row for row in bench.lake.frame(*sql).itertuples(index=False, name=None)}
    counting = "is_current" if batch.picked else "is_current and not is_picked"
    labels = {a.trace_id: a for a in bench.lake.read("annotations", Annotation, counting)}
    return [
        ToLabel(i, question, answer, tuple(json.loads(messages)), batch.why[i], labels.get(i), batch.picked)
        for i, question, answer, messages in (traces[i] for i in batch.why if i in traces)
    ]
