"""The evaluators of a home: `evaluators.yaml` read, and every entry made into an evaluator that can judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flywheel_pipeline.adapters.apps import OwnEvaluatorFunction
from flywheel_pipeline.adapters.home.files import EVALUATORS_FILE, TAXONOMY_FILE
from flywheel_pipeline.adapters.llm import ModelClient
from flywheel_pipeline.errors import EditError
from flywheel_pipeline.flows.labelled import labelled_answers
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import GoldenCase, JudgeAlignment
from flywheel_pipeline.steps.cluster import Mode, current_ids, load_modes
from flywheel_pipeline.steps.evaluate import Check, Entry
from flywheel_pipeline.steps.evaluate.evaluators.configured import PREFIX
from flywheel_pipeline.steps.evaluate.evaluators.learned import Learned, Untrained, learn, lessons_of, too_few
from flywheel_pipeline.steps.evaluate.evaluators.own_function import LoadedFunction, OwnFunction
from flywheel_pipeline.steps.evaluate.evaluators.similarity import Similarity
from flywheel_pipeline.steps.evaluate.evaluators_file import ALL, read_entries
from flywheel_pipeline.steps.golden import near_pairs

JUDGE = "judge"


def read_entries_of(bench: Workbench) -> list[Entry]:
    """Return the entries of the home's `evaluators.yaml`; none where there is no such file.

    Raises:
        CorruptFileError: an entry is not understood; the text names the line.
    """
    return read_entries(bench.home.reviewed(EVALUATORS_FILE).text().value)


def modes_of(bench: Workbench) -> list[Mode]:
    """Return the failure modes of the reviewed taxonomy."""
    return load_modes(bench.home.reviewed(TAXONOMY_FILE).read().value)


def mode_of(entry: Entry, modes: Sequence[Mode]) -> str | None:
    """Return the id of the failure mode that an entry is about, by its id or name; None for every answer.

    A mode that was merged into another stands for that one.

    Raises:
        EditError: there is no such mode, or several have the name.
    """
    if entry.mode == ALL:
        return None
    ids = current_ids(modes)
    if entry.mode in ids:
        return ids[entry.mode]
    wanted = entry.mode.strip().casefold()
    named = {ids[m.mode_id] for m in modes if m.title.strip().casefold() == wanted}
    if len(named) == 1:
        return named.pop()
    known = ", ".join(f"{m.mode_id} ({m.title})" for m in modes if not m.merged_into) or "none yet"
    problem = "several failure modes are" if named else "no failure mode is"
    raise EditError(
        f"{EVALUATORS_FILE}, line {entry.line}: {entry.name}: {problem} called {entry.mode!r}; there are: {known}"
    )


def placed(entries: Sequence[Entry], modes: Sequence[Mode]) -> tuple[list[tuple[Entry, str | None]], list[str]]:
    """Return the entries with the mode that each is about, and why others are about none and do not run.

    A taxonomy that is built anew has other modes: that must not stop the evaluation, and is reported.
    """
    found, problems = [], []
    for entry in entries:
        try:
            found.append((entry, mode_of(entry, modes)))
        except EditError as error:
            problems.append(str(error))
    return found, problems


def unplaced_evaluators(bench: Workbench) -> list[str]:
    """Return why accepted evaluators of the file do not run: no failure mode is called as they say."""
    return placed([e for e in read_entries_of(bench) if e.status == "accepted"], modes_of(bench))[1]


def evaluators_by_mode(bench: Workbench) -> dict[str, list[str]]:
    """Return what judges every failure mode, a line per evaluator of the file that a person did not reject.

    A mode that is not in it has its judge alone.

    Raises:
        CorruptFileError: the file is not understood.
    """
    status = {a.evaluator: a.status for a in bench.lake.read("judge_alignment", JudgeAlignment)}
    found: dict[str, list[str]] = {}
    for e, mode_id in placed(read_entries_of(bench), modes_of(bench))[0]:
        if mode_id is None or (e.status == "rejected" and e.kind != JUDGE):
            continue
        state = "no judge" if e.status == "rejected" else e.status
        measured = status.get(f"{PREFIX}{e.name}") if e.status == "accepted" else None
        about = f"{e.kind} ({state}{f', {measured}' if measured else ''})"
        found.setdefault(mode_id, []).append(f"{e.name}: {about}{f': {e.why}' if e.why else ''}")
    return found


def judged_modes(entries: Sequence[Entry], modes: Sequence[Mode]) -> list[Mode]:
    """Return the modes that a judge judges: all but those whose judge a person rejected."""
    rejected = [e for e in entries if e.kind == JUDGE and e.status == "rejected"]
    off = {mode_id for _, mode_id in placed(rejected, modes)[0]}
    return [m for m in modes if m.mode_id not in off]


def accepted_checks(bench: Workbench, llm: ModelClient | None = None) -> list[Check]:
    """Return the evaluators that a person accepted, ready to judge; the judges of modes are not among them.

    Embeddings that they ask for count as calls of `llm`.

    Raises:
        CorruptFileError: an entry is not understood.
        SettingsError: a function of a person's own cannot be imported.
    """
    entries = [e for e in read_entries_of(bench) if e.status == "accepted" and e.kind != JUDGE]
    return [ready_check(bench, e, mode_id, llm) for e, mode_id in placed(entries, modes_of(bench))[0]]


def ready_check(bench: Workbench, entry: Entry, mode_id: str | None, llm: ModelClient | None = None) -> Check:
    """Return an entry's evaluator, ready to judge; embeddings that it asks for count as calls of `llm`."""
    evaluator, made_with = _ready(bench, entry.evaluator(), mode_id), ""
    if isinstance(evaluator, Similarity):
        made_with, embed = bench.embedder(evaluator.embedder, llm or bench.llm())
        evaluator = evaluator.with_embed(embed.embed)
    return Check(entry.name, entry.kind, evaluator, entry.settings, mode_id, entry.requirement, entry.when, made_with)


def _ready(bench: Workbench, evaluator: Any, mode_id: str | None) -> Any:
    """Give an evaluator what its settings alone do not have: a function, or what it has learned."""
    if isinstance(evaluator, OwnFunction):
        call = OwnEvaluatorFunction(evaluator.function, bench.settings.home, bench.settings.llm.timeout_seconds)
        _ = call.function  # a function that cannot be imported stops here, not on every answer
        return LoadedFunction(evaluator, call)
    if isinstance(evaluator, Learned):
        cases = bench.lake.read("golden_set", GoldenCase)
        kept_back = [c for c in cases if c.split in ("dev", "test")]
        answers = [(a.case, a.failed) for a in labelled_answers(bench)
                   if not a.failed or mode_id is None or a.case.mode_id == mode_id]  # fmt: skip
        lessons = lessons_of(answers, kept_back, near_pairs)
        missing = too_few(lessons)
        return Untrained(missing) if missing else learn(evaluator, lessons)
    return evaluator
