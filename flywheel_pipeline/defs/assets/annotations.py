"""`label_files` (external) and `annotations`: the expert's verdicts."""

import hashlib
from collections import Counter

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.assets.trace_files import GROUP
from flywheel_pipeline.defs.metadata import bars, definition_metadata, preview, table
from flywheel_pipeline.defs.resources import LakeResource, Workbench
from flywheel_pipeline.records import Annotation
from flywheel_pipeline.steps.annotate import LabelFile, Labels, read_labels, resolve_labels

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
    """Every verdict of every label file, joined to its trace; rows that can not be used are in `rejects`."""
    files, labels = read_all_labels(lake.lake, bench)
    lake.lake.write("annotations", labels.annotations)
    lake.lake.write("rejects", labels.rejects, part="labels")
    return dg.MaterializeResult(metadata=_shown(bench, files, labels))


def read_all_labels(lake: Lake, bench: Workbench) -> tuple[list[LabelFile], Labels]:
    """Read the label folder as it is now, against the traces that are known now."""
    files = [read_labels(f.name, f.path.read_bytes()) for f in bench.home.files("labels")]
    wanted = {a.trace_id for f in files for a in f.annotations}
    with lake.connect() as con:
        rows = con.execute("select trace_id from raw_traces where trace_id in (select unnest(?))", [list(wanted)])
        known = {row[0] for row in rows.fetchall()}
    return files, resolve_labels(files, known, bench.settings.annotate.arbiter)


def _shown(bench: Workbench, files: list[LabelFile], labels: Labels) -> dict[str, dg.MetadataValue]:
    verdicts = Counter(a.verdict for a in labels.annotations if a.is_current)
    rejected = Counter(r.file for r in labels.rejects)
    prints = {f.name: hashlib.sha256(f.path.read_bytes()).hexdigest() for f in bench.home.files("labels")}
    batches = [
        [f.file, f.n_rows, f.n_rows - rejected[f.file], rejected[f.file], prints.get(f.file, "")[:16]] for f in files
    ]
    return {
        "dagster/row_count": dg.MetadataValue.int(len(labels.annotations)),
        "n_pass": dg.MetadataValue.int(verdicts["pass"]),
        "n_fail": dg.MetadataValue.int(verdicts["fail"]),
        "n_rejects": dg.MetadataValue.int(len(labels.rejects)),
        "verdicts": bars([(v, n) for v, n in sorted(verdicts.items())]),
        "batches": table(("file", "rows", "used", "rejected", "fingerprint"), batches),
        "rejects": table(
            ("file", "line", "reason", "excerpt"),
            [[r.file, r.line, r.reason, r.excerpt] for r in labels.rejects[:20]],
        ),
        "preview": preview([a for a in labels.annotations if a.verdict == "fail"], SHOWN),
    }


def current_annotations(lake: Lake) -> list[Annotation]:
    """Return the verdicts that count, pass and fail."""
    return lake.read("annotations", Annotation, "is_current and verdict in ('pass', 'fail')")
