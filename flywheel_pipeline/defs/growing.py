"""The golden set as its asset grows it: files of the home in, lines to add out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.evaluating import n_looks, reads_of_test
from flywheel_pipeline.defs.metadata import bars, preview, table
from flywheel_pipeline.defs.resources import Workbench
from flywheel_pipeline.defs.reviewing import known_modes
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.records import (
    KINDS,
    SPLITS,
    EvalResult,
    FailureAssignment,
    FailureMode,
    GoldenCase,
    JudgeAlignment,
)
from flywheel_pipeline.steps.evaluate import case_outcomes, deciding
from flywheel_pipeline.steps.golden import (
    Growth,
    LabelledTrace,
    Proposed,
    Question,
    Quotas,
    Wishes,
    active,
    addition,
    compose,
    dump_case,
    dump_proposal,
    find_gaps,
    graduations,
    grow_golden_set,
    in_current_modes,
    list_versions,
    load_cases,
    load_pending,
    propose_cases,
    tell_growth,
    version_of,
)

FILE = "golden/golden_set.jsonl"
PENDING_FILE = "golden/pending.jsonl"
DIMENSIONS_FILE = "golden/dimensions.yaml"
LABELLED_SQL = """
select r.trace_id, r.session_id, r.messages, r.retrieved, r.output, a.verdict = 'fail' as failed,
    coalesce(a.comment, a.code) as comment, a.first_failure_step, f.mode_id, coalesce(a.extra, '{}') as extra
from annotations a join raw_traces r using (trace_id) left join failure_assignments f using (trace_id)
where a.is_current and a.verdict in ('pass', 'fail')
order by r.trace_id
"""
QUESTIONS_SQL = """
select r.input, coalesce(a.verdict = 'fail', false)
from raw_traces r left join (from annotations where is_current) a using (trace_id)
order by a.verdict is null, r.started_at desc, r.trace_id limit 5000
"""


@dataclass(frozen=True)
class Grown:
    """The golden set after a run: all its cases, and what the run did."""

    cases: list[GoldenCase]
    growth: Growth = field(default_factory=Growth)
    n_graduated: int = 0
    proposed: Proposed = field(default_factory=Proposed)
    pinned: str | None = None


def grow(lake: Lake, bench: Workbench) -> Grown:
    """Add to the file what the labels bring, in the modes of the taxonomy as it is now; a pinned version stays.

    Raises:
        HomeError: `golden.version` names no version.
        CorruptFileError: a file of `golden/` can not be read.
    """
    rows, pending = bench.home.read_jsonl(FILE), load_pending(bench.home.read_jsonl(PENDING_FILE))
    if pinned := bench.settings.golden.version:
        return Grown(_in_modes(lake, bench, pinned_cases(rows, pinned)), pinned=version_of(load_cases(rows, pinned)))
    existing = _in_modes(lake, bench, load_cases(rows))
    with lake.connect() as con:
        traces = [LabelledTrace(*row) for row in con.execute(LABELLED_SQL).fetchall()]
    settings, modes = bench.settings.golden, lake.read("failure_taxonomy", FailureMode)
    quotas = Quotas(settings.max_per_mode, settings.synthetic_per_mode)
    added_in = modes[0].version if modes else "none"
    growth = grow_golden_set(existing, traces, bench.embed, quotas, added_in, pending.joining(existing))
    graduated = graduations(existing, _outcomes(lake, bench, existing), settings.graduate_after)
    lines = [*map(dump_case, growth.added), *graduated]
    if lines:
        bench.home.append_jsonl(FILE, addition(rows, lines))
    return Grown(_in_modes(lake, bench, load_cases([*rows, *lines])), growth, len(graduated))


def pinned_cases(rows: Sequence[dict[str, Any]], version: str) -> list[GoldenCase]:
    """Return the cases of a version as they stood then, and after them the others, which are not evaluated."""
    then = load_cases(rows, version)
    mine = {c.case_id for c in then}
    others = [c for c in load_cases(rows) if c.case_id not in mine]
    return [*then, *(c if c.status == "retired" else replace(c, status="other version") for c in others)]


def _in_modes(lake: Lake, bench: Workbench, cases: Sequence[GoldenCase]) -> list[GoldenCase]:
    assigned = {a.trace_id: a.mode_id for a in lake.read("failure_assignments", FailureAssignment)}
    return in_current_modes(cases, assigned, known_modes(bench, lake.read("failure_taxonomy", FailureMode)))


def _outcomes(lake: Lake, bench: Workbench, cases: Sequence[GoldenCase]) -> list[tuple[str, dict[str, bool]]]:
    """Return how the cases did under the prompts that were in production, the newest last.

    Only as far as somebody can tell: a case of a mode whose judge is not trusted, or a failure of no mode, has no
    outcome.
    """
    trusted = deciding(lake.read("judge_alignment", JudgeAlignment))
    judged = len(trusted) > 1
    known = {c.case_id for c in cases if (f"judge:{c.mode_id}" in trusted if c.kind != "happy_path" else judged)}
    prompts = list(dict.fromkeys(reversed(bench.registry.history())))[::-1]
    found = [(p, lake.read("eval_results", EvalResult, "prompt_version = ?", [p])) for p in prompts]
    return [(p, {c: ok for c, ok in case_outcomes(rows, trusted).items() if c in known}) for p, rows in found if rows]


def propose(lake: Lake, bench: Workbench, grown: Grown) -> Grown:
    """Have cases written for what the set still lacks; they wait in the home until somebody has reviewed them."""
    if grown.pinned:
        return grown
    settings = bench.settings.golden
    wishes = Wishes(
        settings.paraphrases_per_mode, settings.adversarial, dimensions(bench), settings.invalid,
        settings.max_tuples, settings.min_realism,
    )  # fmt: skip
    pending = load_pending(bench.home.read_jsonl(PENDING_FILE))
    proposed = propose_cases(grown.cases, pending, bench.llm(lake), bench.embed, wishes, bench.settings.app.name)
    if proposed.new:
        bench.home.append_jsonl(PENDING_FILE, [dump_proposal(p) for p in proposed.new])
    return replace(grown, proposed=proposed)


def dimensions(bench: Workbench) -> Mapping[str, Sequence[str]]:
    """Return the dimensions of `flywheel.yaml`, else those that a model proposed and somebody accepted.

    Raises:
        CorruptFileError: the proposed ones can not be read.
    """
    content = bench.home.read_yaml(DIMENSIONS_FILE) or {}
    try:
        accepted = content.get("dimensions") or {} if content.get("status") == "accepted" else {}
        found = {str(name): [str(v) for v in values] for name, values in accepted.items() if isinstance(values, list)}
    except AttributeError:
        raise CorruptFileError(f"{DIMENSIONS_FILE} must hold `status` and `dimensions: {{name: [value, …]}}`") from None
    return bench.settings.golden.dimensions or found


def questions(lake: Lake) -> list[Question]:
    """Return what users asked, labelled traces and then the newest first."""
    with lake.connect() as con:
        return [Question(*row) for row in con.execute(QUESTIONS_SQL).fetchall()]


def shown(lake: Lake, bench: Workbench, grown: Grown) -> dict[str, dg.MetadataValue]:
    """Return the metadata of the asset."""
    names = {m.mode_id: m.name for m in lake.read("failure_taxonomy", FailureMode)}
    rows, live = bench.home.read_jsonl(FILE), active(grown.cases)
    pending = load_pending(bench.home.read_jsonl(PENDING_FILE))
    composed, gaps = compose(live, names), find_gaps(live, names, questions(lake))
    left_out = [[d.input, "like cases of two splits; in either it would leak"] for d in grown.growth.left_out]
    left_out += [list(d) for d in grown.proposed.dropped]
    reads = [
        [r.get(k) for k in ("at", "by", "prompt_version", "golden_version", "n_cases")] for r in reads_of_test(bench)
    ]
    return {
        "dagster/row_count": dg.MetadataValue.int(len(grown.cases)),
        "version": dg.MetadataValue.text(version_of(live) + (", pinned by golden.version" if grown.pinned else "")),
        "n_added": dg.MetadataValue.int(len(grown.growth.added)),
        **{f"n_{k}": dg.MetadataValue.int(n) for k, n in sorted(Counter(c.kind for c in live).items())},
        "n_retired": dg.MetadataValue.int(sum(c.status == "retired" for c in grown.cases)),
        "n_regression": dg.MetadataValue.int(sum(c.stage == "regression" for c in live)),
        "n_pending": dg.MetadataValue.int(len(pending.waiting)),
        "n_test_looks": dg.MetadataValue.int(n_looks(bench)),
        "cases_per_mode": _per_mode(composed),
        "composition": table(("mode", "kind", *SPLITS, "all"), composed),
        "gaps": table(("what is missing",), [[g] for g in gaps], cell=300),
        "growth": table(
            ("version", "added under", "added", "retired", "graduated", "active"), tell_growth(list_versions(rows))
        ),
        "left_out": table(("question", "why"), left_out[:50]),
        "test_reads": table(("at", "by", "prompt", "version", "test cases"), reads[-50:]),
        "preview": preview(live, ("case_id", "kind", "split", "input", "criteria", "reference", "expected_doc_ids")),
    }


def _per_mode(composed: Sequence[tuple[str, str, int, int, int, int]]) -> dg.MetadataValue:
    counts: Counter[str] = Counter()
    for mode, kind, *_, n in composed:
        own = mode if kind in ("failure", "synthetic") and mode != "no mode" else kind.replace("_", " ")
        counts[own] += n
    kinds = [k.replace("_", " ") for k in KINDS]
    return bars(sorted(counts.items(), key=lambda item: (item[0] in kinds, item[0])))
