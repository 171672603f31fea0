"""Checks on the golden set: nothing of the test split is seen before the gate sees it, and old versions are intact."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import dagster as dg

from flywheel_pipeline.defs.evaluating import Evaluator, active_cases
from flywheel_pipeline.defs.growing import FILE
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.defs.resources import LakeResource, Workbench
from flywheel_pipeline.leakage import asked, leaks
from flywheel_pipeline.records import GoldenCase, PromptCandidate
from flywheel_pipeline.steps.golden import list_versions, near_pairs

WARN = dg.AssetCheckSeverity.WARN
TEST = ("test",)
Leak = tuple[str, str, str]
"""(case, where its text is, what to do)."""


@dg.asset_check(asset="golden_set", blocking=True)
def one_split_per_family(lake: LakeResource) -> dg.AssetCheckResult:
    """Near-duplicates are never split over train, dev and test: that would leak."""
    splits = Counter(family for family, _ in {(c.family, c.split) for c in lake.lake.read("golden_set", GoldenCase)})
    leaking = [family for family, n in splits.items() if n > 1]
    return dg.AssetCheckResult(
        passed=not leaking, metadata={"n_families": len(splits), "leaking": ", ".join(leaking) or "none"}
    )


@dg.asset_check(asset="golden_set", blocking=True)
def no_test_text_is_seen(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """No text of a test case is in the production prompt, a judge's examples or the train split."""
    cases = lake.lake.read("golden_set", GoldenCase)
    history = bench.registry.history()
    base = bench.registry.get(history[0]).text if history else ""
    production = [("the production prompt", bench.registry.get(history[-1]).text)] if history else []
    judges = Evaluator(lake.lake, bench, bench.llm(lake.lake)).judges()
    shown = [(f"the examples of {j.evaluator}", "\n".join(j.examples)) for j in judges]
    return _told(
        [
            *_in_texts(production, cases, base, "take it out of the prompt, or retire the case"),
            *_in_texts(shown, cases, "", "retire the case"),
            *_in_train(active_cases(lake.lake)),
        ]
    )


@dg.asset_check(asset="prompt_candidate")
def candidate_holds_no_test_text(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """No text of a test case is in a candidate that the gate did not reject."""
    history = bench.registry.history()
    base = bench.registry.get(history[0]).text if history else ""
    texts = [
        (f"candidate {c.candidate_id}", c.text)
        for c in lake.lake.read("prompt_candidate", PromptCandidate)
        if c.decision != "reject"
    ]
    cases = lake.lake.read("golden_set", GoldenCase)
    return _told(_in_texts(texts, cases, base, "do not promote it, or retire the case"))


def _in_texts(texts: Sequence[tuple[str, str]], cases: list[GoldenCase], base: str, remedy: str) -> list[Leak]:
    return [(case_id, where, remedy) for where, text in texts for case_id in leaks(text, cases, base, TEST)]


def _in_train(cases: list[GoldenCase]) -> list[Leak]:
    """Compare by words only: unlike a likeness of meaning, that does not shift with the other cases there are."""
    train, test = ([c for c in cases if c.split == s] for s in ("train", "test"))
    pairs = near_pairs([asked(c.messages) for c in (*train, *test)], known=len(train))
    both = [(i, j - len(train)) for i, j in pairs if i < len(train)]
    return [(test[j].case_id, f"the train case {train[i].case_id}", "retire one of the two") for i, j in both]


def _told(found: Sequence[Leak]) -> dg.AssetCheckResult:
    first = (
        f"; {found[0][0]} is in {found[0][1]}: {found[0][2]} (flywheel golden retire ID --reason …)" if found else ""
    )
    told = table(("test case", "where its text is", "what to do"), found[:50])
    metadata: dict[str, Any] = {"n_leaks": len(found), "leaks": told}
    return dg.AssetCheckResult(passed=not found, description=f"{len(found)} leaks{first}", metadata=metadata)


@dg.asset_check(asset="golden_set")
def enough_happy_paths(lake: LakeResource) -> dg.AssetCheckResult:
    """There are at least as many happy paths as failures: what works must not break while failures are mended."""
    n = Counter(c.kind for c in active_cases(lake.lake))
    missing = n["failure"] - n["happy_path"]
    told = f"{n['happy_path']} happy paths for {n['failure']} failures"
    why = f"{told}: label {missing} more passing traces" if missing > 0 else told
    return dg.AssetCheckResult(
        passed=missing <= 0, severity=WARN, description=why, metadata={"n_missing": max(0, missing)}
    )


@dg.asset_check(asset="golden_set")
def golden_file_only_grew(bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """The lines of `golden_set.jsonl` are what they were when their version was written down."""
    changed = [v for v in list_versions(bench.home.read_jsonl(FILE)) if not v.intact]
    told = ", ".join(f"{v.version} (the first {v.n_lines} lines)" for v in changed) or "none"
    return dg.AssetCheckResult(
        passed=not changed,
        severity=WARN,
        description=f"versions that can not be evaluated again, because a line was changed or removed: {told}",
        metadata={"n_changed": len(changed)},
    )


GOLDEN_CHECKS = [
    one_split_per_family,
    no_test_text_is_seen,
    enough_happy_paths,
    golden_file_only_grew,
    candidate_holds_no_test_text,
]
