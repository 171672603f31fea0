"""`label_files` (external) and `annotations`: the expert's verdicts."""

import json
from collections import Counter

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.assets.trace_files import GROUP
from flywheel_pipeline.defs.charts import bars
from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.metadata import preview, rejects_table, table, trace_links
from flywheel_pipeline.flows.annotate import collect_labels
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import LabelLog, SampledTrace
from flywheel_pipeline.stats import proportion, weighted_rate
from flywheel_pipeline.steps.annotate import FOLDER, Labels, find_disagreements, measure_agreement, measure_drift

SHOWN = ("trace_id", "verdict", "code", "comment", "source_file", "source_line")

label_files = dg.AssetSpec(
    "label_files",
    group_name=GROUP,
    kinds={"file"},
    owners=["team:domain-experts"],
    description="Label files in `labels/` of the home, one per batch, written by people. The sensor `new_label_files` "
    "watches the folder and materializes `annotations` when a batch is submitted or corrected.",
)


@asset(
    deps=[label_files, "raw_traces", "sampled_traces"],
    group_name=GROUP,
    kinds={"python", "parquet"},
    owners=["team:domain-experts"],
)
def annotations(bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Every verdict of a person; only the latest counts. Scores of models are in `evaluator_scores`."""
    labels, log = collect_labels(bench)
    return dg.MaterializeResult(
        metadata={
            **_rates(bench.lake, labels),
            **_agreement(labels, bench.page("traces")),
            **_drift(labels),
            **_superseded(labels),
            **_exported(labels),
            **_metadata(log, labels),
        }
    )


def _metadata(log: list[LabelLog], labels: Labels) -> dict[str, dg.MetadataValue]:
    verdicts = Counter(a.verdict for a in labels.annotations if a.is_current)
    return {
        "dagster/row_count": dg.MetadataValue.int(len(labels.annotations)),
        "n_pass": dg.MetadataValue.int(verdicts["pass"]),
        "n_fail": dg.MetadataValue.int(verdicts["fail"]),
        "n_picked": dg.MetadataValue.int(sum(a.is_current and a.is_picked for a in labels.annotations)),
        "n_rejects": dg.MetadataValue.int(len(labels.rejects)),
        "verdicts": bars([(v, n) for v, n in sorted(verdicts.items())]),
        "batches": table(
            ("file", "rows", "verdicts", "evaluator scores", "rejected", "unlabelled", "joined"),
            [
                [
                    x.source_file,
                    x.n_rows,
                    x.n_annotations,
                    x.n_scores,
                    x.n_rejects,
                    x.n_unlabelled,
                    x.n_joined,
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
        "rejects": rejects_table(labels.rejects[:20]),
        "preview": preview([a for a in labels.annotations if a.verdict == "fail" and not a.is_superseded], SHOWN),
    }


def _mapping(columns: str) -> str:
    used = json.loads(columns).items()
    return ", ".join(ours if ours == theirs else f"{ours} from {theirs!r}" for ours, theirs in used)


def _superseded(labels: Labels) -> dict[str, dg.MetadataValue]:
    """Show the verdicts of files before they were corrected."""
    rows = [
        [a.trace_id, a.annotator, a.verdict, a.code or a.comment, a.source_file, a.source_version]
        for a in labels.annotations
        if a.is_superseded
    ]
    names = ("trace", "annotator", "was", "note", "file", "version")
    return {"superseded": table(names, rows[-50:])} if rows else {}


def _exported(labels: Labels) -> dict[str, dg.MetadataValue]:
    """Show what came of the scores that annotators gave inside trace exports, file by file."""
    counting = Counter(a.source_file for a in labels.annotations if a.is_current)
    rows = [
        [
            name,
            f.n_rows,
            len(f.annotations),
            counting[name],
            f.n_joined,
            len(f.rejects),
            f.n_rows - len(f.annotations) - len(f.rejects) - f.n_joined,
            _mapping(json.dumps(dict(f.columns))),
            "; ".join(f.notes),
        ]
        for name, f in labels.files.items()
        if name.startswith(FOLDER)
    ]
    names = (
        "file",
        "scores",
        "verdicts",
        "that count",
        "joined",
        "rejected",
        "named",
        "read",
        "notes",
    )
    return {"verdicts_in_exports": table(names, rows[-100:])} if rows else {}


def _rates(lake: Lake, labels: Labels) -> dict[str, dg.MetadataValue]:
    """Show each batch's failure rate of production, and beside it that of the batch, which seeks failures."""
    failed = {
        a.trace_id: a.verdict == "fail"
        for a in labels.annotations
        if a.is_current and a.verdict != "defer" and not a.is_picked
    }
    batches: dict[str, list[SampledTrace]] = {}
    for row in lake.read("sampled_traces", SampledTrace):
        batches.setdefault(row.batch, []).append(row)
    rows: list[list[object]] = []
    for batch, sampled in batches.items():
        judged = [r for r in sampled if r.trace_id in failed]
        outcomes = [failed[r.trace_id] for r in judged]
        weighted = weighted_rate(outcomes, [r.weight for r in judged])
        rates = [str(weighted), str(proportion(sum(outcomes), len(outcomes)))] if judged else ["not known", "not known"]
        rows.append([batch, f"{len(judged)} of {len(sampled)}", *rates])
    names = ("batch", "judged", "failure rate", "unweighted (biased)")
    return {"failure_rates": table(names, rows[-50:])}


def _agreement(labels: Labels, page: str) -> dict[str, dg.MetadataValue]:
    """Show how far annotators agree with each other and with themselves."""
    found = measure_agreement(labels.annotations)
    rows = [
        [a.who, a.measure, f"{a.value:.2f} ({a.low:.2f} to {a.high:.2f}, n={a.n})", a.agreed, a.reading] for a in found
    ]
    names = ("who", "measure", "value", "share agreed", "what to make of it")
    return {"agreement": table(names, rows), **_disagreements(labels, page)} if found else {}


def _disagreements(labels: Labels, page: str) -> dict[str, dg.MetadataValue]:
    """Show the traces that annotators judge differently, with each verdict and the one that counts."""
    rows = [
        [a.trace_id, a.annotator, a.verdict, "counts" if a.is_current else "", a.comment or a.code]
        for verdicts in find_disagreements(labels.annotations)
        for a in verdicts
    ]
    listed = table(("trace", "annotator", "verdict", "", "note"), rows[-50:])
    links = trace_links(page, [str(row[0]) for row in reversed(rows)])
    return {"disagreements": listed, "disagreements_by_trace": links} if rows else {}


def _drift(labels: Labels) -> dict[str, dg.MetadataValue]:
    """Show the traces that the same person judged differently later."""
    found = measure_drift(labels.annotations)
    rows = [
        [b.trace_id, b.annotator, b.verdict, b.labelled_at, a.verdict, a.labelled_at, a.comment or a.code]
        for b, a in found.changed
    ]
    names = ("trace", "annotator", "was", "at", "became", "later at", "note then")
    return {
        "criteria_drift": dg.MetadataValue.text(str(found)),
        **({"changed_verdicts": table(names, rows[-50:])} if rows else {}),
    }
