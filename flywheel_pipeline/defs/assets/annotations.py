"""`label_files` (external) and `annotations`: the expert's verdicts."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.assets.trace_files import GROUP
from flywheel_pipeline.defs.metadata import bars, definition_metadata, preview, table
from flywheel_pipeline.defs.resources import LakeResource, Workbench, utc_now
from flywheel_pipeline.records import Annotation, Json, LabelLog, SampledTrace
from flywheel_pipeline.stats import proportion, weighted_rate
from flywheel_pipeline.steps.annotate import (
    LabelFile,
    LabelRules,
    Labels,
    find_disagreements,
    measure_agreement,
    measure_drift,
    read_versions,
    resolve_labels,
)

SHOWN = ("trace_id", "verdict", "code", "comment", "annotator", "source_file", "source_line")

label_files = dg.AssetSpec(
    "label_files",
    group_name=GROUP,
    kinds={"file"},
    owners=["team:domain-experts"],
    description="Label files in `labels/` of the home, one a batch, written by people. The sensor `new_label_files` "
    "watches the folder and materializes `annotations` when a batch is handed in or corrected.",
)


@dg.asset(
    deps=[label_files, "raw_traces", "sampled_traces"],
    group_name=GROUP,
    kinds={"python", "parquet"},
    owners=["team:domain-experts"],
    metadata=definition_metadata("annotations"),
)
def annotations(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Every verdict of a person; only the latest counts. Rows that cannot be used are in `rejects`.

    Scores that label files report of models, programs and APIs are in `evaluator_scores`. Verdicts from a file that is
    gone still count: only another verdict overrules a verdict. One that was corrected in its file, or removed from it,
    is kept and does not count.
    """
    contents = {f.name: f.path.read_bytes() for f in bench.home.settled_files("labels", bench.settle_seconds)}
    bench.home.history("labels").keep(contents, utc_now())
    labels, log = read_all_labels(lake.lake, contents, bench)
    lake.lake.write("annotations", labels.annotations)
    lake.lake.write("evaluator_scores", labels.scores)
    lake.lake.write("rejects", labels.rejects, part="labels")
    lake.lake.write("label_log", log)
    return dg.MaterializeResult(
        metadata={
            **_rates(lake.lake, labels),
            **_agreement(labels),
            **_drift(labels),
            **_superseded(labels),
            **_shown(log, labels),
        }
    )


def read_all_labels(lake: Lake, contents: Mapping[str, bytes], bench: Workbench) -> tuple[Labels, list[LabelLog]]:
    """Read all label files together, against the traces that are known now; of files that are gone, the last version.

    Of a file that is gone, rows that cannot be used are counted and not reported again: nobody can correct them.
    """
    settings = bench.settings
    people = frozenset((settings.annotate.arbiter, *settings.annotate.annotators))
    rules = LabelRules({str(ours): theirs for ours, theirs in settings.labels.columns.items()}, people)
    versions = bench.home.history("labels").versions()
    files = [_read(name, versions, contents, rules) for name in sorted(versions)]
    wanted = {a.trace_id for f in files for a in (*f.annotations, *f.superseded)}
    wanted |= {s.trace_id for f in files for s in f.scores}
    with lake.connect() as con:
        rows = con.execute("select trace_id from raw_traces where trace_id in (select unnest(?))", [list(wanted)])
        known = {row[0] for row in rows.fetchall()}
    labels = resolve_labels(files, known, bench.settings.annotate.arbiter)
    log = _log({n: v[-1] for n, v in versions.items() if not _renamed(n, versions, contents)}, labels)
    return replace(labels, rejects=tuple(r for r in labels.rejects if r.file in contents)), log


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
            n_scores=scored[name], n_joined=file.n_joined, columns=_json(dict(file.columns)), unused=_json(file.unused),
            notes=_json(file.notes),
        )
        for name, data in contents.items()
        for file in [labels.files[name]]
    ]  # fmt: skip


def _json(value: object) -> Json:
    return Json(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode())


def _shown(log: list[LabelLog], labels: Labels) -> dict[str, dg.MetadataValue]:
    verdicts = Counter(a.verdict for a in labels.annotations if a.is_current)
    return {
        "dagster/row_count": dg.MetadataValue.int(len(labels.annotations)),
        "n_pass": dg.MetadataValue.int(verdicts["pass"]),
        "n_fail": dg.MetadataValue.int(verdicts["fail"]),
        "n_rejects": dg.MetadataValue.int(len(labels.rejects)),
        "verdicts": bars([(v, n) for v, n in sorted(verdicts.items())]),
        "batches": table(
            ("file", "rows", "verdicts", "evaluator scores", "rejected", "unlabelled", "joined", "fingerprint"),
            [
                [
                    x.source_file,
                    x.n_rows,
                    x.n_annotations,
                    x.n_scores,
                    x.n_rejects,
                    x.n_unlabelled,
                    x.n_joined,
                    x.fingerprint[:16],
                ]
                for x in log[-100:]
            ],
        ),
        "columns_read": table(
            ("file", "columns read", "not read", "notes"),
            [
                [x.source_file, _mapping(x.columns), ", ".join(json.loads(x.unused)), "; ".join(json.loads(x.notes))]
                for x in log[-100:]
            ],
        ),
        "rejects": table(
            ("file", "line", "reason", "excerpt"),
            [[r.file, r.line, r.reason, r.excerpt] for r in labels.rejects[:20]],
        ),
        "preview": preview([a for a in labels.annotations if a.verdict == "fail" and not a.is_superseded], SHOWN),
    }


def _mapping(columns: str) -> str:
    return ", ".join(
        ours if ours == theirs else f"{ours} from {theirs!r}" for ours, theirs in json.loads(columns).items()
    )


def _superseded(labels: Labels) -> dict[str, dg.MetadataValue]:
    """Show what files said before they were corrected."""
    rows = [
        [a.trace_id, a.annotator, a.verdict, a.code or a.comment, a.source_file, a.source_version]
        for a in labels.annotations
        if a.is_superseded
    ]
    names = ("trace", "annotator", "was", "what was said", "file", "version")
    return {"superseded": table(names, rows[-50:])} if rows else {}


def _rates(lake: Lake, labels: Labels) -> dict[str, dg.MetadataValue]:
    """Show each batch's failure rate of production, and beside it that of the batch, which seeks failures."""
    failed = {a.trace_id: a.verdict == "fail" for a in labels.annotations if a.is_current and a.verdict != "defer"}
    batches: dict[str, list[SampledTrace]] = {}
    for row in lake.read("sampled_traces", SampledTrace):
        batches.setdefault(row.batch, []).append(row)
    rows: list[list[object]] = []
    for batch, sampled in batches.items():
        judged = [r for r in sampled if r.trace_id in failed]
        outcomes = [failed[r.trace_id] for r in judged]
        weighted = weighted_rate(outcomes, [r.weight for r in judged])
        told = [str(weighted), str(proportion(sum(outcomes), len(outcomes)))] if judged else ["not known", "not known"]
        rows.append([batch, f"{len(judged)} of {len(sampled)}", *told])
    names = ("batch", "judged", "failure rate of production", "unweighted (biased)")
    return {"failure_rates": table(names, rows[-50:])}


def _agreement(labels: Labels) -> dict[str, dg.MetadataValue]:
    """Show how far annotators agree with each other and with themselves."""
    found = measure_agreement(labels.annotations)
    rows = [
        [a.who, a.measure, f"{a.value:.2f} ({a.low:.2f} to {a.high:.2f}, n={a.n})", a.agreed, a.reading] for a in found
    ]
    names = ("who", "measure", "value", "share agreed", "what to make of it")
    return {"agreement": table(names, rows), **_disagreements(labels)} if found else {}


def _disagreements(labels: Labels) -> dict[str, dg.MetadataValue]:
    """Show what annotators judge differently, what each says and which verdict counts."""
    rows = [
        [a.trace_id, a.annotator, a.verdict, "counts" if a.is_current else "", a.comment or a.code]
        for said in find_disagreements(labels.annotations)
        for a in said
    ]
    return {"disagreements": table(("trace", "annotator", "verdict", "", "what was said"), rows[-50:])} if rows else {}


def _drift(labels: Labels) -> dict[str, dg.MetadataValue]:
    """Show the traces that the same person judged differently later."""
    found = measure_drift(labels.annotations)
    rows = [
        [b.trace_id, b.annotator, b.verdict, b.labelled_at, a.verdict, a.labelled_at, a.comment or a.code]
        for b, a in found.changed
    ]
    names = ("trace", "annotator", "was", "at", "became", "later at", "what was said then")
    return {
        "criteria_drift": dg.MetadataValue.text(str(found)),
        **({"changed_verdicts": table(names, rows[-50:])} if rows else {}),
    }


def current_annotations(lake: Lake) -> list[Annotation]:
    """Return the verdicts that count, pass and fail."""
    return lake.read("annotations", Annotation, "is_current and verdict in ('pass', 'fail')")
