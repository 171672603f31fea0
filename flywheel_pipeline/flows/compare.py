"""Compare two evaluated versions of a home, and approve known failures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from flywheel_pipeline.adapters.home.files import KNOWN_FAILURES_FILE
from flywheel_pipeline.errors import EditError, HomeError
from flywheel_pipeline.flows.evaluate import standing_judges
from flywheel_pipeline.flows.production_rates import passing_lines, read_rates
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.records import FailureMode, JudgeAlignment, PromptCandidate, PromptVersion
from flywheel_pipeline.steps.evaluate import (
    COMPOSITE,
    CaseChange,
    KnownFailure,
    KnownReport,
    VersionComparison,
    approve,
    compare_versions,
    decides,
    dump_known,
    evaluator_names,
    known_in,
    read_known,
    versions_to_compare,
)
from flywheel_pipeline.steps.evaluate.stored import VERDICTS_SQL, read_changes

PRODUCTION, CANDIDATE, BASELINE = "production", "candidate", "baseline"
WITH_MODEL = "@"
"""Between a prompt version and the other model that answered under it, in the version of such answers."""
HEAD = """\
# Failures of golden cases that a person approved: they may stay, other cases may not start to fail.
# `flywheel evals approve CASE --reason ...` adds an entry; remove one when its case passes.
"""
"""The comment that a new file begins with."""
TABLES = (
    "golden_set", "answers", "eval_results", "judge_alignment", "failure_taxonomy", "prompt_candidate",
    "production_prompt", "production_rates",
)  # fmt: skip
"""What a comparison is made from."""


@dataclass(frozen=True)
class Evaluated:
    """A prompt version with verdicts: `role` is `production`, what the gate decided on a candidate, or empty.

    The `baseline` of a candidate is the production prompt as it was evaluated anew beside it, which the gate compared.
    """

    version: str
    role: str
    n_cases: int

    def __str__(self) -> str:
        return f"{self.version} ({self.role})" if self.role else self.version


@dataclass(frozen=True)
class Compared:
    """Two versions of a home on its golden set; `names` are those of the evaluators, `notes` what limits the result.

    `versions` are all that could be compared.
    """

    before: Evaluated
    after: Evaluated
    found: VersionComparison
    names: Mapping[str, str]
    notes: tuple[str, ...]
    approved: tuple[KnownFailure, ...]
    versions: tuple[Evaluated, ...] = ()
    unjudged: str = ""
    """How many failure modes have no evaluator that may decide; empty if all have one, or none has."""
    production: tuple[str, ...] = ()
    """What share of production's traffic passes, and what that rests on."""

    def name_of(self, evaluator: str) -> str:
        """Return what people call an evaluator: its failure mode, or its own name."""
        return self.names.get(evaluator, evaluator) if evaluator else "all that count"


def evaluated_versions(bench: Workbench) -> list[Evaluated]:
    """Return the versions with verdicts on cases of the golden set: production first, then candidates, then others."""
    counted = bench.lake.frame(
        "select prompt_version, count(distinct case_id) from eval_results where case_id in"
        " (select case_id from golden_set where status = 'active') group by 1 order by 1"
    )
    roles = {c.candidate_id: f"candidate, {c.decision or c.status.replace('_', ' ')}"
             for c in _candidates(bench)}  # fmt: skip
    roles |= {p.version: PRODUCTION for p in bench.lake.read("production_prompt", PromptVersion)}
    roles |= {v: f"{BASELINE} of {v.partition('~')[2]}" for v in counted.iloc[:, 0] if "~" in v}
    roles |= {v: f"with {v.partition(WITH_MODEL)[2]}" for v in counted.iloc[:, 0] if WITH_MODEL in v and "~" not in v}
    found = [Evaluated(v, roles.get(v, ""), int(n)) for v, n in counted.itertuples(index=False, name=None)]
    order = {version: place for place, version in enumerate([PRODUCTION, *roles])}
    return sorted(found, key=lambda e: (e.role != PRODUCTION, order.get(e.version, len(order)), e.version))


def _candidates(bench: Workbench) -> list[PromptCandidate]:
    """Return the candidates of the last run, the decided one first."""
    return sorted(bench.lake.read("prompt_candidate", PromptCandidate), key=lambda c: c.decision is None)


def find_version(versions: Sequence[Evaluated], name: str) -> Evaluated:
    """Return the version that is `production`, the `candidate` or its `baseline`, or begins with `name`.

    Answers of another model under a prompt are found by the model's name, too.

    Raises:
        HomeError: none of the evaluated versions is, or several begin so.
    """
    if name == PRODUCTION:
        found = [v for v in versions if v.role == PRODUCTION]
    elif name in (CANDIDATE, BASELINE):
        found = [v for v in versions if v.role.startswith(name)][:1]
    else:
        models = [v for v in versions if "~" not in v.version and v.version.partition(WITH_MODEL)[2] == name]
        exact = [v for v in versions if v.version == name] or models
        begins = [v for v in versions if v.version.startswith(name)]
        found = exact or [v for v in begins if not re.search("[~@]", v.version)] or begins
    if len(found) == 1:
        return found[0]
    known = ", ".join(map(str, versions)) or "none; `flywheel run` evaluates"
    what = (
        f"{len(found)} evaluated prompt versions begin with {name!r}" if found else f"No evaluated version is {name!r}"
    )
    raise HomeError(f"{what}. Evaluated versions: {known}.")


def compare(bench: Workbench, before: str, after: str, only: Collection[str] | None = None) -> Compared:
    """Compare two versions, named as for `find_version`, on the golden set as it is, or on `only` some of its cases.

    Raises:
        HomeError: a version is not there.
        CorruptFileError: the file of known failures cannot be read.
    """
    versions = evaluated_versions(bench)
    old, new = find_version(versions, before), find_version(versions, after)
    alignment = standing_judges(bench)
    used = _evaluator_versions(bench, old.version, new.version)
    compared = versions_to_compare(_latest(used, new.version), alignment)
    changes = _changes(bench, (old.version, new.version), alignment, compared)
    found = compare_versions([c for c in changes if only is None or c.case_id in only], alignment)
    modes = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}
    names = {**{f"judge:{m}": name for m, name in modes.items()}, **evaluator_names(alignment, modes)}
    result = Compared(old, new, found, names, (), tuple(known_failures_of(bench)), tuple(versions))
    unjudged = _unjudged(bench, alignment)
    return replace(
        result,
        unjudged=unjudged,
        production=tuple(passing_lines(read_rates(bench))),
        notes=(
            *([unjudged] if unjudged else []),
            *_left_out(result),
            *_app_changed(bench, result),
            *_other_judges(used, compared, result),
            *_other_baseline(result),
            *_not_corrected(result, alignment),
        ),
    )


def _changes(
    bench: Workbench, versions: tuple[str, str], alignment: Sequence[JudgeAlignment], compared: Mapping[str, str]
) -> list[CaseChange]:
    frame = bench.lake.frame(VERDICTS_SQL, dict(zip(("before", "after"), versions, strict=True)))
    frame["mode_id"] = frame["mode_id"].astype(object).where(frame["mode_id"].notna(), None)
    return read_changes(frame.itertuples(index=False, name=None), alignment, compared)


Used = Sequence[tuple[str, str, str, int]]
"""(prompt version, evaluator, evaluator version, number of rows)."""


def _evaluator_versions(bench: Workbench, *versions: str) -> Used:
    frame = bench.lake.frame(
        "select prompt_version, evaluator, evaluator_version, count(*) from eval_results"
        " where prompt_version in (select unnest(?)) group by all order by all",
        [list(versions)],
    )
    return list(frame.itertuples(index=False, name=None))


def _latest(used: Used, version: str) -> dict[str, str]:
    """Return {evaluator: the version that gave most of the verdicts on the answers under `version`}."""
    own = sorted((row for row in used if row[0] == version), key=lambda row: row[3])
    return {evaluator: evaluator_version for _, evaluator, evaluator_version, _ in own}


def _unjudged(bench: Workbench, alignment: Sequence[JudgeAlignment]) -> str:
    modes = {m.mode_id for m in bench.lake.read("failure_taxonomy", FailureMode) if m.status != "retired"}
    judged = {a.mode_id for a in alignment if a.mode_id in modes and decides(a)}
    n = len(modes) - len(judged)
    left = f"{n} of {len(modes)} failure modes have no evaluator that may decide"
    return f"{left}: as judged, such a failure counts as a pass" if n and judged else ""


def _left_out(compared: Compared) -> list[str]:
    return [
        f"{n:,} cases of the {split} split were evaluated under one version only, and are not compared"
        for split, n in compared.found.left_out.items()
    ]


def _app_changed(bench: Workbench, compared: Compared) -> list[str]:
    versions = [compared.before.version, compared.after.version]
    frame = bench.lake.frame(
        "select prompt_version, list(distinct app_version order by app_version) from answers"
        " where prompt_version in (select unnest(?)) group by 1",
        [versions],
    )
    apps = {version: list(found) for version, found in frame.itertuples(index=False, name=None)}
    known = [apps[v] for v in versions if v in apps]
    return (
        []
        if len(known) < 2 or known[0] == known[1]
        else ["the app itself (its model, settings or code) differs between the two, not only the prompt"]
    )


def _other_judges(used: Used, compared: Mapping[str, str], names: Compared) -> list[str]:
    stale: Counter[str] = Counter()
    for _, evaluator, version, n in used:
        stale[evaluator] += n if compared.get(evaluator, version) != version else 0
    return [
        f"{names.name_of(evaluator)}: verdicts by another version of it count as not evaluated ({n:,})"
        for evaluator, n in sorted(stale.items())
        if n
    ]


def _other_baseline(compared: Compared) -> list[str]:
    beside = [v for v in compared.versions if v.role == f"{BASELINE} of {compared.after.version}"]
    if compared.before.role != PRODUCTION or not beside:
        return []
    return ["the gate compared it with production as evaluated beside it: `flywheel evals compare baseline candidate`"]


def _not_corrected(compared: Compared, alignment: Sequence[JudgeAlignment]) -> list[str]:
    if compared.found.overall is None or any(a.evaluator == COMPOSITE for a in alignment):
        return []
    return ["the judges are not measured together as they are now: the difference of all that count is as judged"]


def known_failures_of(bench: Workbench) -> list[KnownFailure]:
    """Return the approved failures of a home.

    Raises:
        CorruptFileError: an entry cannot be read.
    """
    return read_known(bench.home.reviewed(KNOWN_FAILURES_FILE).read().value, KNOWN_FAILURES_FILE)


def stand(compared: Compared) -> KnownReport:
    """Return how the approved failures stand under the version after."""
    return known_in(compared.found.cases, compared.found.counting, compared.approved)


def approve_failure(bench: Workbench, case: str, reason: str, of: str = PRODUCTION) -> list[KnownFailure]:
    """Approve what fails the case that begins with `case` under a version; return the new entries.

    Raises:
        HomeError: no case, or several, begin so, or there is no such version.
        EditError: the reason is empty, or nothing that counts fails the case.
        ConflictError: somebody else has changed the file meanwhile.
    """
    if not reason.strip():
        raise EditError("Give the reason why this failure may stay.")
    found = compare(bench, of, of).found
    cases = [c for c in found.cases if c.case_id.startswith(case)]
    if len(cases) != 1:
        begin = "No evaluated case begins" if not cases else f"{len(cases)} evaluated cases begin"
        raise HomeError(f"{begin} with {case!r}{'; name one of them' if cases else ''}.")
    culprits = cases[0].culprits(found.counting)
    if not culprits:
        raise EditError(f"{cases[0].case_id} passes under {of}: there is nothing to approve.")
    file = bench.home.reviewed(KNOWN_FAILURES_FILE)
    seen = file.read()
    by = bench.settings.annotate.arbiter
    approved = approve(read_known(seen.value), cases[0].case_id, culprits, reason, by, timestamp())
    file.replace(dump_known(approved), seen.version, HEAD)
    return [k for k in approved if k.case_id == cases[0].case_id and k.evaluator in culprits]
