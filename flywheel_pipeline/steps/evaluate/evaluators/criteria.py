"""An LLM judge of the criteria that one case brings: what its right answer does, or must not do."""

from __future__ import annotations

import hashlib
import json

from flywheel_pipeline.ports import Ask
from flywheel_pipeline.prompting import ask_about, load_prompt, plain_messages
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judge import ROLE, Verdict, references
from flywheel_pipeline.steps.evaluate.evaluators.resisted import is_checked_by_code

NAME = "criteria"


def has_criteria(case: GoldenCase) -> bool:
    """Return whether a case brings criteria of its own to judge any answer by.

    Criticism of an earlier answer is not one: it goes to the judge of its failure mode, as a hint. Neither is what
    the check of an adversarial case decides by itself.
    """
    return bool((case.criteria or "").strip()) and case.criteria_kind != "criticism" and not is_checked_by_code(case)


def version(model: str) -> str:
    """Return a hash of all that decides the verdict beside the case: instructions and model."""
    return hashlib.sha256(json.dumps([load_prompt(__package__, NAME), model]).encode()).hexdigest()[:10]


def criteria_ask(case: GoldenCase, output: str, app: str, repeat: int = 0) -> Ask:
    """Ask whether `output`, an answer to `case`, satisfies the case's criteria."""
    data = {
        "criteria": case.criteria,
        "criteria_kind": case.criteria_kind,
        "conversation": plain_messages(json.loads(case.messages)),
        "documents": json.loads(case.context),
        "answer": output,
        **references(case, output),
    }
    ask = ask_about(ROLE, load_prompt(__package__, NAME).format(app=app), data, Verdict)
    return Ask(ask.role, ask.messages, ask.schema, repeat)
