"""An LLM judge for one failure mode, in two halves: the question, and the reading of the reply."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from flywheel_pipeline.ports import Ask, Reply
from flywheel_pipeline.prompting import ask_about, load_prompt, plain_messages
from flywheel_pipeline.records import GoldenCase

ROLE = "judge"


class Verdict(BaseModel):
    """What a judge replies."""

    explanation: str = ""
    label: Literal["pass", "fail", "unsure"]


@dataclass(frozen=True)
class ModeToJudge:
    """A failure mode as its judge sees it."""

    mode_id: str
    name: str
    definition: str
    examples: tuple[str, ...]

    @property
    def evaluator(self) -> str:
        """The evaluator's name."""
        return f"judge:{self.mode_id}"

    def version(self, model: str) -> str:
        """Return a hash of all that decides the verdict beside the case: instructions, mode and model."""
        content = json.dumps([load_prompt(__package__, "judge"), self.name, self.definition, self.examples, model])
        return hashlib.sha256(content.encode()).hexdigest()[:10]


def judge_ask(mode: ModeToJudge, case: GoldenCase, output: str, app: str) -> Ask:
    """Ask whether `output`, an answer to `case`, shows the failure mode."""
    data = {
        "failure_mode": {"name": mode.name, "definition": mode.definition, "examples": list(mode.examples)},
        "conversation": plain_messages(json.loads(case.messages)),
        "documents": json.loads(case.context),
        "answer": output,
    }
    criticised = case.mode_id == mode.mode_id and case.criteria_kind == "criticism" and case.criteria
    known = {**references(case, output), **({"criteria": case.criteria} if criticised else {})}
    return ask_about(ROLE, load_prompt(__package__, "judge").format(app=app), {**data, **known}, Verdict)


def references(case: GoldenCase, output: str) -> dict[str, Any]:
    """Return the known-good answers of a case as a judge is shown them, without the answer that is judged."""
    others = [r for r in json.loads(case.reference_alternatives or "[]") if r != output]
    first = case.reference if case.reference and case.reference != output else None
    return {**({"reference": first} if first else {}), **({"other_references": others} if others else {})}


def read_verdict(reply: Reply) -> tuple[str | None, str]:
    """Return (label, explanation); the label is None, with the error as explanation, when there is no verdict."""
    if isinstance(reply.parsed, Verdict):
        return reply.parsed.label, reply.parsed.explanation
    return None, reply.error or "no verdict"
