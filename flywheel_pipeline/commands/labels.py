"""Write a batch as a file to label in."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.atomic_write import replacing
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.records import Annotation, SampledTrace
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline.steps.annotate.write import FORMATS, ToLabel, write_labels
from flywheel_pipeline.steps.annotate.xlsx import WorkbookError

SHOWN_SQL = """\
select trace_id, input, coalesce(output, '') as output, messages from raw_traces
where trace_id in (select unnest(?))
"""


def export_labels(
    home: Path | None, file: Path | None, batch: str | None, form: str, annotator: str | None
) -> tuple[Path, int, int]:
    """Write the batch (default: the newest) to `file` (default: `BATCH.ENDING` here).

    Returns the file, its rows, and how many of them are filled in already.

    Raises:
        HomeError: there is no such batch, or a text does not fit into the format.
    """
    settings = load_settings(home)
    sampled = _batch(Lake(settings.home / "lake"), batch)
    rows = _rows(Lake(settings.home / "lake"), sampled)
    target = file or Path(f"{sampled[0].batch}{FORMATS[form]}")
    if target.suffix.lower() != FORMATS[form]:
        raise HomeError(f"{target}: a {form} file must end in {FORMATS[form]}, by which it is recognised in labels/.")
    try:
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        data = write_labels(rows, form, now, annotator or settings.annotate.arbiter)
    except WorkbookError as error:
        raise HomeError(f"{target}: {error}") from None
    with replacing(target) as temporary:
        temporary.write_bytes(data)
    return target, len(rows), sum(r.label is not None for r in rows)


def _batch(lake: Lake, wanted: str | None) -> list[SampledTrace]:
    """Return the rows of a batch; the newest is the one whose traces end last."""
    sampled = lake.read("sampled_traces", SampledTrace, "to_label")
    newest = lake.frame(
        "select batch from sampled_traces join raw_traces using (trace_id) group by batch"
        " order by max(started_at) desc, batch desc limit 1"
    )["batch"]
    name = wanted or (str(newest.iat[0]) if len(newest) else "")
    found = [s for s in sampled if s.batch == name]
    if not found:
        names = ", ".join(sorted({s.batch for s in sampled})) or "none yet: `flywheel run` draws one"
        raise HomeError(f"There is no batch {name!r}; there are: {names}" if wanted else f"There is no batch: {names}.")
    return found


def _rows(lake: Lake, sampled: list[SampledTrace]) -> list[ToLabel]:
    why = {s.trace_id: s.reason for s in sampled}
    traces = {row[0]: row for row in lake.frame(SHOWN_SQL, [list(why)]).itertuples(index=False, name=None)}
    labels = {a.trace_id: a for a in lake.read("annotations", Annotation, "is_current")}
    return [
        ToLabel(i, question, answer, tuple(json.loads(messages)), why[i], labels.get(i))
        for i, question, answer, messages in (traces[i] for i in why if i in traces)
    ]
