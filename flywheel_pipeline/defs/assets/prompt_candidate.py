"""`prompt_candidate`: a better prompt, and the gate's decision on it."""

import difflib
import json
import textwrap

import dagster as dg

from flywheel_pipeline.defs.charts import bars
from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.metadata import table, text_block
from flywheel_pipeline.flows.evaluate import n_looks
from flywheel_pipeline.flows.flips import Waiting, flips_waiting
from flywheel_pipeline.flows.improve import decide_on_labels, find_candidate
from flywheel_pipeline.flows.prompt_search import Lineage, read_lineage
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import PromptCandidate, PromptVersion
from flywheel_pipeline.steps.improve.traffic import describe_gain

DIFF_WIDTH = 68


class GateConfig(dg.Config):
    """`on_labels` lets the gate decide again on the last candidate with the expert's new labels, without any call."""

    on_labels: bool = False


@asset(
    deps=["eval_results", "judge_alignment", "golden_set", "failure_taxonomy", "production_prompt"],
    group_name="improve",
    kinds={"litellm"},
    owners=["team:app"],
    pool=True,
)
def prompt_candidate(config: GateConfig, bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Proposes prompts from the failures, chooses on dev, and lets the gate decide once on test."""
    base, candidates = (decide_on_labels if config.on_labels else find_candidate)(bench)
    looks = {"n_test_looks": dg.MetadataValue.int(n_looks(bench)), **_search(read_lineage(bench))}
    return dg.MaterializeResult(metadata={**_metadata(base, candidates), **looks, **_asked(flips_waiting(bench))})


def _search(lineage: Lineage | None) -> dict[str, dg.MetadataValue]:
    """Return the tree of the last search, and why it stopped."""
    if lineage is None:
        return {}
    stopped = table(("why it stopped",), [[line] for line in lineage.stopped], cell=300)
    return {"lineage": text_block("\n".join(lineage.lines)), "search_stopped": stopped}


def _asked(waiting: Waiting | None) -> dict[str, dg.MetadataValue]:
    """Return what the expert is asked for, and where."""
    if waiting is None:
        return {}
    return {"labelling": dg.MetadataValue.text(str(waiting)), "labelling_page": dg.MetadataValue.url(waiting.page)}


def _metadata(base: PromptVersion, candidates: list[PromptCandidate]) -> dict[str, dg.MetadataValue]:
    if not candidates:
        return {
            "dagster/row_count": dg.MetadataValue.int(0),
            "decision": dg.MetadataValue.text("nothing to improve"),
        }
    best = candidates[0]
    evidence = json.loads(best.evidence)
    rows = [("all evaluators", evidence["overall"])] if "overall" in evidence else []
    rows += list(evidence.get("guards", {}).items())
    on_test = [
        [n, v["n"], v["fixed"], v["broken"], f"{v['difference']:+.0%}", f"{v['low']:+.0%} to {v['high']:+.0%}",
         f"a loss of {v['loss']:.0%}: {v['status']}" if "loss" in v else ""]
        for n, v in rows
    ]  # fmt: skip
    return {
        "dagster/row_count": dg.MetadataValue.int(len(candidates)),
        "decision": dg.MetadataValue.text(best.decision or best.status),
        "reason": dg.MetadataValue.text(best.reason),
        "candidate": dg.MetadataValue.text(best.candidate_id),
        "what_would_decide_it": table(("need",), [[n] for n in evidence.get("needs", [])], cell=300),
        "flipped_cases_to_label": table(("case",), [[c] for c in evidence.get("to_label", [])]),
        "gain_in_traffic": dg.MetadataValue.text(describe_gain(evidence["traffic"]) if "traffic" in evidence else ""),
        "baseline": dg.MetadataValue.text(evidence.get("baseline", base.version)),
        **_power(evidence),
        "changes": table(("change",), [[c] for c in json.loads(best.changes)], cell=300),
        "cases_fixed_and_broken": bars([(f"{k}: {n}", v[k]) for n, v in rows for k in ("fixed", "broken")]),
        "on_test": table(("evaluator", "n", "fixed", "broken", "corrected", "95% interval", "guard"), on_test),
        "prompt_diff": text_block(prompt_diff(base.text, best.text), "diff"),
        "candidates": table(
            ("candidate", "decision", "reason"),
            [[c.candidate_id, c.decision or c.status, c.reason] for c in candidates],
        ),
    }


def _power(evidence: dict) -> dict[str, dg.MetadataValue]:
    """Return what the test cases could show, as numbers that Dagster plots over turns."""
    named = {"coverage": "coverage", "smallest_detectable_change": "detectable", "bound_on_this_look": "bound",
             "noise_floor": "noise_floor"}  # fmt: skip
    known = {name: evidence.get(key) for name, key in named.items()}
    return {name: dg.MetadataValue.float(float(value)) for name, value in known.items() if value is not None}


def prompt_diff(before: str, after: str) -> str:
    """Return a unified diff of two prompts, long lines wrapped."""
    old, new = (
        [part for line in text.splitlines() for part in textwrap.wrap(line, DIFF_WIDTH) or [""]]
        for text in (before, after)
    )
    return "\n".join(difflib.unified_diff(old, new, "production", "candidate", lineterm=""))
