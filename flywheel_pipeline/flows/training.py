"""Write the checked training file of a failure mode that prompts have not fixed."""

from __future__ import annotations

import json
from pathlib import Path

from flywheel_pipeline.adapters.llm.tokens import token_counter
from flywheel_pipeline.atomic_write import replace_text
from flywheel_pipeline.errors import EditError, HomeError
from flywheel_pipeline.flows.evaluate import active_cases
from flywheel_pipeline.flows.labelled import labelled_traces
from flywheel_pipeline.flows.plan import facts_of
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.leakage import asked
from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.prompts import PromptError, fill
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden import labelled_case, near_pairs
from flywheel_pipeline.steps.improve.plan import needs_for_training
from flywheel_pipeline.steps.improve.training import Example, TrainingFile, training_file


def write_training_file(bench: Workbench, word: str, file: Path) -> TrainingFile:
    """Write the right answers to a mode's failures as chats to fine-tune the app's model on; return what is in it.

    Raises:
        EditError: there is no such mode, or it is not one for fine-tuning yet; the text says what it lacks.
        HomeError: there is no production prompt.
    """
    mode, facts = facts_of(bench, word)
    if needs := needs_for_training(facts):
        raise EditError(f'"{mode.name}" is not one for fine-tuning yet: {"; ".join(needs)}.')
    production = bench.registry.production()
    if production is None:
        raise HomeError("There is no production prompt yet: `flywheel run` takes it from the traces.")
    cases = [labelled_case(t) for t in labelled_traces(bench) if t.failed and t.mode_id == mode.mode_id]
    examples = [_example(c, production.text) for c in cases if c is not None and c.reference]
    held_out = [asked(c.messages) for c in active_cases(bench) if c.split != "train"]
    made = training_file(examples, held_out, near_pairs, token_counter(bench.model_name("app")))
    replace_text(file, "".join(f"{line}\n" for line in made.lines))
    return made


def _example(case: GoldenCase, prompt: str) -> Example:
    try:
        system = fill(prompt, json.loads(case.variables or "{}"))
    except PromptError:
        system = ""
    turns = [
        {"role": m["role"], "content": text_of(m.get("content")), **{k: m[k] for k in KEPT if m.get(k)}}
        for m in json.loads(case.messages)
    ]
    return Example(
        case.source_trace_id or case.case_id, system, tuple(turns), case.reference or "", asked(case.messages)
    )


KEPT = ("tool_calls", "tool_call_id")
