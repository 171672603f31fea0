"""Try the evaluators of a home on its labelled answers, and start a new one of a person's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from time import perf_counter

from flywheel_pipeline.adapters.home.files import EVALUATORS_FILE, OWN_EVALUATORS
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.evaluate import active_cases
from flywheel_pipeline.flows.evaluators import JUDGE, mode_of, modes_of, read_entries_of, ready_check
from flywheel_pipeline.flows.labelled import labelled_answers
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import JudgeAlignment
from flywheel_pipeline.steps.evaluate import Check, Entry, LabelledAnswer, Trial, held_out, try_check
from flywheel_pipeline.steps.evaluate.alignment import agreement
from flywheel_pipeline.steps.evaluate.evaluators_file import ALL, read_entries, with_entries
from flywheel_pipeline.steps.golden import near_pairs


@dataclass(frozen=True)
class Tried:
    """An evaluator on the labelled answers: its judgements, its agreement with the expert, and the time it took."""

    trial: Trial
    alignment: JudgeAlignment
    seconds: float

    @property
    def milliseconds_per_answer(self) -> float:
        """Time per answer, with what came from the cache."""
        return 1000 * self.seconds / max(len(self.trial.answers), 1)


def answers_to_measure_on(bench: Workbench) -> list[LabelledAnswer]:
    """Return the labelled answers that no evaluator may have been made of: not the train cases' nor near-duplicates."""
    train = [c for c in active_cases(bench) if c.split == "train"]
    return held_out(labelled_answers(bench), train, near_pairs)


def try_evaluator(bench: Workbench, name: str) -> tuple[Entry, Tried]:
    """Run an evaluator of the file, accepted or not, on the labelled answers.

    Raises:
        HomeError: the file has no evaluator of this name, or nothing is labelled; the text says what there is.
        CorruptFileError: the file is not understood.
    """
    entries = read_entries_of(bench)
    entry = next((e for e in entries if e.name == name), None)
    if entry is None:
        known = ", ".join(e.name for e in entries) or "none yet; `flywheel evaluator propose` proposes some"
        raise HomeError(f"evaluators.yaml has no evaluator {name!r}; it has: {known}")
    if entry.kind == JUDGE:
        raise HomeError(f"{name} is the judge of its mode: `judge_alignment` says how far it agrees with the expert.")
    check = ready_check(bench, entry, mode_of(entry, modes_of(bench)))
    answers = answers_to_measure_on(bench)
    if not answers:
        raise HomeError("No labelled answers to try it on: `flywheel label` makes them, and `flywheel run` reads them.")
    return entry, measure(bench, check, answers)


def measure(bench: Workbench, check: Check, answers: Sequence[LabelledAnswer]) -> Tried:
    """Return an evaluator's agreement with the expert."""
    llm, model, started = bench.llm(), bench.model_name("judge"), perf_counter()
    repeats = bench.settings.evaluate.judge_repeats
    trial = try_check(check, check.version(model), answers, llm, bench.settings.app.name, repeats)
    seconds = perf_counter() - started
    return Tried(trial, agreement(trial.measured, answers), seconds)


def new_evaluator(bench: Workbench, name: str, mode: str = ALL) -> list[str]:
    """Write a function of a person's own and its test into `evaluators/`, and return the paths in the home.

    It is added to `evaluators.yaml` as a proposal, for the failure mode `mode`, by id or name.

    Raises:
        HomeError: the name is no name of a Python module, or there is such a file or evaluator already.
        EditError: there is no such mode.
    """
    if not name.isidentifier() or name.startswith("_") or name != name.lower():
        raise HomeError(f"{name!r} cannot be the name of a Python file: use lower-case letters, digits and _.")
    folder = bench.settings.home / OWN_EVALUATORS
    wanted = {f"{name}.py": "skeleton.py.txt", f"test_{name}.py": "skeleton_test.py.txt"}
    if taken := [n for n in wanted if (folder / n).exists()]:
        raise HomeError(f"{folder / taken[0]} exists; nothing was overwritten.")
    file = bench.home.reviewed(EVALUATORS_FILE)
    content = file.text()
    if name in [e.name for e in read_entries(content.value)]:
        raise HomeError(f"evaluators.yaml has an evaluator {name!r} already; nothing was written.")
    settings = {"function": f"{OWN_EVALUATORS}/{name}.py:evaluate"}
    entry = Entry(name=name, mode=mode, kind="python", settings=settings, status="proposed", why="your own function")
    mode_of(entry, modes_of(bench))
    file.replace_text(with_entries(content.value, [entry]), content.version)
    folder.mkdir(parents=True, exist_ok=True)
    for made, template in wanted.items():
        text = files(__package__).joinpath(template).read_text(encoding="utf-8")
        (folder / made).write_text(text.replace("NAME", name), encoding="utf-8")
    return [f"{OWN_EVALUATORS}/{n}" for n in wanted]
