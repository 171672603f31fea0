"""Annotators' scores inside trace exports -> verdicts, read like those of label files.

Capture keeps every score with who gave it. One that an annotator gave is a verdict where that is beyond doubt:

- its name is that of a verdict (`labels.columns.verdict`, or a usual name: `verdict`, `correctness`, `pass`), and its
  value a verdict: a word (`pass`, `incorrect`), a truth value, or 0 and 1 where the score has no other numbers;
- or it has another name, its values are words such as `pass` and `fail` or truth values, and no other score of
  annotators could be the verdict as well.

The rest stays what it is, a named score. So does a score of a single step, of which the verdict on the trace does not
follow, and one by somebody whom `annotate.annotators` does not list.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flywheel_pipeline.records import Annotation, Feedback, Reject
from flywheel_pipeline.steps.annotate.columns import GRADED, WEAK_VERDICTS, LabelRules
from flywheel_pipeline.steps.annotate.judgements import Reading, judge
from flywheel_pipeline.steps.annotate.read import LabelFile, those
from flywheel_pipeline.steps.annotate.rows import Row
from flywheel_pipeline.steps.annotate.scores import Score, read_scores, role_of
from flywheel_pipeline.steps.annotate.words import plain_text, tidy, verdict_of

FOLDER = "../traces/"
"""How the name of a trace export begins, seen from the folder of label files."""
UNNAMED = "annotator"
"""Who judged, where the export does not name them: nobody in particular, least of all the arbiter."""
_CLEAR = frozenset(
    "pass passed fail failed correct incorrect wrong acceptable unacceptable accept accepted reject rejected approve "
    "approved disapproved yes no true false not_correct not_acceptable".split()
)
"""Words that are a verdict whatever the score is called."""
_TRUTH = frozenset("yes no true false".split())
_WEAK = frozenset((*WEAK_VERDICTS, "label", "result", "outcome"))
"""Names of verdicts under which tools keep other things as well."""
_OF_THE_WHOLE = frozenset(
    "is was has the an a answer response output reply trace incorrect wrong fail failed failure bad unacceptable "
    "rejected error mistake".split()
)
"""The words of names such as `is_wrong` of which `true` is a fail; `hallucination` is one failing among many."""


_EXPECTED = frozenset("expected expectation expectations reference golden".split())
"""Words of names under which annotators say what the right answer is."""


@dataclass(frozen=True)
class Exported:
    """Scores of annotators in the lake, and what must be known to read them.

    `versions` is {landing file: its version}, `allowed` the annotators whose verdicts are taken, None for anyone,
    `spans` the steps of the traces of which a step was judged.
    """

    scores: Sequence[Feedback]
    versions: Mapping[str, str]
    allowed: Collection[str] | None = None
    spans: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


def read_exports(exported: Exported, rules: LabelRules) -> list[LabelFile]:
    """Return the verdicts of each trace export that holds scores of annotators, as those of a label file.

    `n_rows` counts the scores of annotators; what is neither verdict nor reject nor joined to one stays a named score,
    and `notes` says why. A verdict that an earlier export holds as well is not repeated.
    """
    usable, reasons = _usable(exported)
    chosen, doubts = _names(usable, rules)
    files: list[LabelFile] = []
    known: set[Annotation] = set()
    for name in sorted({s.source_file for s in exported.scores}):
        own = [s for s in usable if s.source_file == name]
        file = _read(name, own, chosen, rules, exported.versions.get(name, ""))
        n = sum(s.source_file == name for s in exported.scores)
        fresh = tuple(a for a in file.annotations if _fact(a) not in known)
        repeated = len(file.annotations) - len(fresh)
        notes = [*doubts, *_counted(reasons[name])]
        notes += [f"{repeated} verdicts stand in an earlier export, too"] if repeated else []
        known |= {_fact(a) for a in fresh}
        files.append(replace(file, annotations=fresh, n_rows=n, notes=tuple(notes)))
    return files


def _fact(a: Annotation) -> Annotation:
    """Return what was judged, without where it stood."""
    return replace(a, batch="", source_file="", source_version="", source_line=1)


def _counted(reasons: Counter[str]) -> list[str]:
    return [f"{n} {reason}" for reason, n in sorted(reasons.items())]


def _usable(exported: Exported) -> tuple[list[Feedback], dict[str, Counter[str]]]:
    """Return the scores that may be verdicts, and {file: {why the others may not: how many}}."""
    usable: list[Feedback] = []
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for score in exported.scores:
        who = score.author or UNNAMED
        if score.step_id and not judges_trace(score.step_id, exported.spans.get(score.trace_id, ())):
            reasons[score.source_file]["about a step, not about the trace"] += 1
        elif not _EXPECTED.isdisjoint(tidy(score.name).split("_")):
            reasons[score.source_file]["an expectation: it states the right answer, and does not judge the trace"] += 1
        elif exported.allowed is not None and who not in exported.allowed:
            reasons[score.source_file][f"by {who[:80]!r}, who is not in annotate.annotators"] += 1
        else:
            usable.append(score)
    return usable, reasons


def judges_trace(step_id: str, spans: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a step stands for its whole trace: its root, or the only step below the trace's own record."""
    by_id = {str(s.get("span_id")): s for s in spans}
    step = by_id.get(step_id)
    parent = by_id.get(str(step.get("parent_id"))) if step else None
    if step is None or parent is None:
        return step is not None
    siblings = [s for s in spans if s.get("parent_id") == step.get("parent_id")]
    return parent.get("kind") == "trace" and len(siblings) == 1


def _names(scores: Sequence[Feedback], rules: LabelRules) -> tuple[dict[str, str], list[str]]:
    """Return {name of a score: what it is}, a verdict or a part of one, and what is doubtful about that."""
    values: dict[str, list[Feedback]] = defaultdict(list)
    for score in scores:
        if score.value is not None or score.label is not None:
            values[score.name].append(score)
    roles = {name: _role(name, rules) for name in values}
    configured = "verdict" in rules.columns
    found = {n: role for n, role in roles.items() if role and (role != "verdict" or _are_verdicts(n, values[n], rules))}
    if "verdict" in found.values() or (configured and not rules.columns["verdict"]):
        return found, []
    others = sorted(n for n, role in roles.items() if role is None and _are_clear(n, values[n]))
    if len(others) == 1:
        return {**found, others[0]: "verdict"}, []
    listed = ", ".join(repr(n[:80]) for n in others[:5])
    doubt = f"which of the scores {listed} is the verdict? Set labels.columns.verdict to it"
    return found, [doubt] if others else []


def _role(name: str, rules: LabelRules) -> str | None:
    """Return what a score is by its name; of `quality-check.verdict`, by what follows the evaluator."""
    return role_of(name, rules) or role_of(name.rpartition(".")[2], rules)


def _is_configured(name: str, rules: LabelRules) -> bool:
    return tidy(rules.columns.get("verdict") or "") in (tidy(name), tidy(name.rpartition(".")[2]))


def _are_verdicts(name: str, scores: Sequence[Feedback], rules: LabelRules) -> bool:
    """Return whether a score with the name of a verdict holds verdicts.

    Numbers do if all are 0 and 1, or -1 and 1; of a `rating`, they may be grades. Words of a `label` or a `quality` may
    be about anything, so that all of them must be verdicts.
    """
    numbers = {s.value for s in scores if s.label is None}
    words = [verdict_of(s.label) for s in scores if s.label is not None]
    if not (numbers <= {0, 1} or numbers <= {-1, 1}) or (words and not any(words)):
        return False
    if _is_configured(name, rules):
        return True
    is_weak = tidy(name) in _WEAK or not GRADED.isdisjoint(tidy(name).split("_"))
    return not is_weak or (not numbers and all(words))


def _are_clear(name: str, scores: Sequence[Feedback]) -> bool:
    """Return whether a score with any name is a verdict by its values alone: words that say so, or truth values."""
    words = {_plain(s.label) for s in scores}
    if not words <= _CLEAR:
        return False
    return not (scores[0].is_adverse and words & _TRUTH) or set(tidy(name).split("_")) <= _OF_THE_WHOLE


def _plain(label: str | None) -> str:
    return plain_text(label).replace(" ", "_").replace("-", "_")


def _read(
    name: str, scores: Sequence[Feedback], roles: Mapping[str, str], rules: LabelRules, version: str
) -> LabelFile:
    """Return the verdicts of one export; a score that is none, or a text without one, is left where it is."""
    file = FOLDER + name
    named = {n: n if role_of(n, rules) else n.rpartition(".")[2] for n in roles}
    verdict = next(
        (named[n] for n, role in roles.items() if role == "verdict" and role_of(named[n], rules) is None), None
    )
    reading = rules if verdict is None else replace(rules, columns={**rules.columns, "verdict": verdict})
    given = [_score(s, named[s.name], roles[s.name] == "verdict") for s in scores if s.name in roles]
    entries = [e for e in read_scores([s for s in given if s is not None], reading).entries if not e.problem]
    made = [judge(entry, Reading(file, version, None, {}, rules.people)) for entry in entries]
    columns = {role: " and ".join(n for n in roles if roles[n] == role) for role in roles.values()}
    joined = sum(e.n_rows - 1 for e in entries)
    return LabelFile(file, those(made, Annotation), those(made, Reject), n_joined=joined, columns=columns)


def _score(score: Feedback, name: str, is_verdict: bool) -> Score | None:
    """Return a score as those of label files are read; None if its value is no verdict where one belongs."""
    value = score.label if score.label is not None else score.value
    label = _verdict(score) if is_verdict else value
    if is_verdict and label is None:
        return None
    raw = json.dumps({"trace_id": score.trace_id, score.name: value, "comment": score.comment}, ensure_ascii=False)
    at = score.given_at.isoformat() if score.given_at else None
    return Score(
        Row(score.source_line, {}, raw), score.trace_id, name, label, score.value, score.comment,
        score.author or UNNAMED, at, "human", extra={"score": score.name, "value": value},
    )  # fmt: skip


def _verdict(score: Feedback) -> str | None:
    """Return pass, fail or defer; of a name such as `is_wrong`, `true` is a fail."""
    if score.label is None:
        found: str | None = "pass" if score.value == 1 else "fail"
    else:
        found = verdict_of(score.label)
        if _plain(score.label) not in _TRUTH:
            return found
    return {"pass": "fail", "fail": "pass"}[str(found)] if score.is_adverse else found
