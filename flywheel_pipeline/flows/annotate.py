"""Label files -> `annotations`."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flywheel_pipeline.adapters.home import HomeFile
from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.flows.workbench import Workbench, utc_now
from flywheel_pipeline.records import Annotation, CapturedFile, Feedback, Json, LabelLog
from flywheel_pipeline.steps.annotate import (
    FIELDS,
    FOLDER,
    PICKED,
    Exported,
    LabelFile,
    LabelRules,
    Labels,
    read_exports,
    read_versions,
    resolve_labels,
)
from flywheel_pipeline.steps.annotate.judgements import digest
from flywheel_pipeline.steps.annotate.read import DIGITS
from flywheel_pipeline.steps.capture.redact import Redactor

SPANS_SQL = "select trace_id, spans from captured_traces where spans is not null and trace_id in (select unnest(?))"


def collect_labels(bench: Workbench) -> tuple[Labels, list[LabelLog]]:
    """Read all label files and write `annotations`, `evaluator_scores`, `label_log` and the labels' `rejects`.

    Verdicts of annotators that came inside trace exports (`feedback` of capture) count by the same rules.

    Every version of a file that is read is kept in `labels/.history/`. Verdicts from a file that is gone still count:
    only another verdict overrules a verdict. One that was corrected in its file, or removed from it, is kept as
    superseded and does not count. Scores of models, programs and APIs are never annotations.
    """
    contents = {f.name: f.path.read_bytes() for f in bench.home.settled_files("labels", bench.settle_seconds)}
    bench.home.history("labels").keep(contents, utc_now())
    labels, log = read_all_labels(bench, contents)
    bench.lake.write("annotations", labels.annotations)
    bench.lake.write("evaluator_scores", labels.scores)
    bench.lake.write("rejects", labels.rejects, part="labels")
    bench.lake.write("label_log", log)
    return labels, log


def labels_already_read(lake: Lake, files: Iterable[HomeFile]) -> set[str]:
    """Return the names of the label files whose content, as it is now, is in the tables."""
    known = dict(lake.rows("select source_file, fingerprint from label_log"))
    return {f.name for f in files if f.name in known and known[f.name] == f.fingerprint()}


def read_all_labels(bench: Workbench, contents: Mapping[str, bytes]) -> tuple[Labels, list[LabelLog]]:
    """Read all label files together, against the traces that are known now; of files that are gone, the last version.

    Unusable rows of a file that is gone are counted and not reported again, since they cannot be corrected.
    """
    versions = bench.home.history("labels").versions()
    rules = label_rules(bench)
    files = [_read(name, versions, contents, rules) for name in sorted(versions)]
    files += read_exports(_exported(bench), rules)
    capture = bench.settings.capture
    redactor = Redactor(capture.redact, capture.redact_salt.get_secret_value())
    files = [_redacted(file, redactor) for file in files]
    wanted = {a.trace_id for f in files for a in (*f.annotations, *f.superseded)}
    wanted |= {s.trace_id for f in files for s in f.scores}
    found = "select trace_id from raw_traces where trace_id in (select unnest(?))"
    known = {row[0] for row in bench.lake.rows(found, [list(wanted)])}
    labels = resolve_labels(files, known, bench.settings.annotate.arbiter)
    log = _log({n: v[-1] for n, v in versions.items() if not _renamed(n, versions, contents)}, labels)
    kept = tuple(r for r in labels.rejects if r.file in contents or r.file.startswith(FOLDER))
    return replace(labels, rejects=kept), log


def _redacted(file: LabelFile, redactor: Redactor) -> LabelFile:
    """Return what a label file holds without personal data and secrets, as captured traces are stored."""

    def text(value: str | None) -> str | None:
        return redactor.redact_text(value) if value else value

    def annotation(a: Annotation) -> Annotation:
        extra = redactor.redact_value(json.loads(a.extra)) if a.extra != "{}" else {}
        return replace(a, code=text(a.code), comment=text(a.comment), extra=_json(extra))

    return replace(
        file,
        annotations=tuple(map(annotation, file.annotations)),
        superseded=tuple(map(annotation, file.superseded)),
        scores=tuple(replace(s, explanation=text(s.explanation)) for s in file.scores),
        rejects=tuple(replace(r, excerpt=text(r.excerpt) or "") for r in file.rejects),
    )


def _exported(bench: Workbench) -> Exported:
    """Return the scores that annotators gave captured traces inside trace exports, and what is known of them."""
    where = "given_by = 'annotator' and trace_id in (select trace_id from raw_traces)"
    scores = bench.lake.read("feedback", Feedback, where)
    versions = {f.source_file: f.fingerprint[:DIGITS] for f in bench.lake.read("captured_files", CapturedFile)}
    judged = sorted({s.trace_id for s in scores if s.step_id})
    pieces = bench.lake.frame(SPANS_SQL, [judged]) if judged else None
    spans: dict[str, list[Any]] = {}
    for trace_id, text in pieces.itertuples(index=False) if pieces is not None else ():
        spans.setdefault(trace_id, []).extend(json.loads(text))
    annotators = bench.settings.annotate.annotators
    allowed = {bench.settings.annotate.arbiter, *annotators} if annotators else None
    return Exported(scores, versions, allowed, spans)


def label_rules(bench: Workbench) -> LabelRules:
    """Return the settings that decide how label files are read."""
    settings = bench.settings
    columns: dict[str, str | None] = {ours: theirs for ours, theirs in settings.labels.columns.items()}
    return LabelRules(columns, frozenset((settings.annotate.arbiter, *settings.annotate.annotators)))


def _read(
    name: str, versions: Mapping[str, Sequence[bytes]], contents: Mapping[str, bytes], rules: LabelRules
) -> LabelFile:
    """Read one file; its verdicts are superseded where it has another name now."""
    return read_versions(name, [*versions[name], *([b""] if _renamed(name, versions, contents) else [])], rules)


def _renamed(name: str, versions: Mapping[str, Sequence[bytes]], contents: Mapping[str, bytes]) -> bool:
    return name not in contents and any(versions[name][-1] in versions[other] for other in contents)


def _log(contents: Mapping[str, bytes], labels: Labels) -> list[LabelLog]:
    used = Counter(a.source_file for a in labels.annotations if not a.is_superseded)
    scored = Counter(s.source_file for s in labels.scores)
    rejected = Counter(r.file for r in labels.rejects)
    return [
        LabelLog(
            source_file=name, fingerprint=hashlib.sha256(data).hexdigest(), n_rows=file.n_rows,
            n_annotations=used[name], n_rejects=rejected[name], n_unlabelled=file.n_unlabelled,
            n_scores=scored[name], n_joined=file.n_joined, columns=_json(dict(file.columns)),
            unused=_json(file.unused), notes=_json(file.notes),
        )
        for name, data in contents.items()
        for file in [labels.files[name]]
    ]  # fmt: skip


def _json(value: object) -> Json:
    return Json(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode())


def current_annotations(bench: Workbench) -> list[Annotation]:
    """Return the verdicts that count, pass and fail."""
    return bench.lake.read("annotations", Annotation, "is_current and verdict in ('pass', 'fail')")


def sampled_to_label(bench: Workbench) -> list[tuple[str, str, str]]:
    """Return (trace id, batch, reason) of the captured traces that were drawn to be labelled, newest batch first."""
    rows = bench.lake.frame(
        "select trace_id, batch, reason from sampled_traces semi join raw_traces using (trace_id) where to_label"
        " order by batch desc, trace_id"
    )
    return list(rows.itertuples(index=False, name=None))


def labels_of(bench: Workbench, annotator: str) -> dict[str, dict[str, Any]]:
    """Return {key: fields of its label} of an annotator's label files as last read; the latest label counts.

    The key is the trace's id, and of a picked label that of a picked item. `seen` marks the label as an export would: a
    new row with it is known to correct this one, dated or not.
    """
    where = "annotator = ? and not is_repeat and not is_superseded"
    rows = bench.lake.read("annotations", Annotation, where, [annotator])
    rows.sort(key=lambda a: (a.labelled_at is not None, a.labelled_at, a.source_file, a.source_line))
    keys = [a.trace_id + (PICKED if a.is_picked else "") for a in rows]
    return {
        key: {**{name: getattr(a, name) for name in FIELDS}, "seen": f"{a.verdict} {digest(a)}"}
        for key, a in zip(keys, rows, strict=True)
    }


def is_judged(bench: Workbench, trace_id: str) -> bool:
    """Return whether a trace has a verdict, pass or fail, that was not picked."""
    where = "trace_id = ? and not is_picked and not is_superseded and verdict in ('pass', 'fail')"
    return bool(bench.lake.read("annotations", Annotation, where, [trace_id], limit=1))
