"""An LLM judge for one failure mode, in two halves: the question, and the reading of the reply."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel

from flywheel_pipeline.ports import Ask, Reply
from flywheel_pipeline.prompting import ask_about, load_prompt, plain_messages
from flywheel_pipeline.records import GoldenCase

ROLE = "judge"
VERDICT_FIRST = (
    'Answer with JSON only, the label first: {"label": "pass" | "fail" | "unsure", "explanation": "one sentence"}'
)
"""The last line of the instructions of a judge that gives its label before its critique."""


class Verdict(BaseModel):
    """What a judge replies."""

    explanation: str = ""
    label: Literal["pass", "fail", "unsure"]


class VerdictFirst(BaseModel):
    """The same the other way round; which of the two a judge gives is decided on dev (`steps.evaluate.tune`)."""

    label: Literal["pass", "fail", "unsure"]
    explanation: str = ""


@dataclass(frozen=True)
class ModeToJudge:
    """A failure mode as its judge sees it; `belongs` and `does_not_belong` delimit it, where written.

    `guidance` is what else helps to decide. `is_tuned` says that the criterion was chosen on dev, on which the judge is
    therefore not measured. With `verdict_first` the label comes before the critique.
    """

    mode_id: str
    name: str
    definition: str
    examples: tuple[str, ...]
    belongs: str = ""
    does_not_belong: str = ""
    guidance: str = ""
    is_tuned: bool = False
    verdict_first: bool = False

    @property
    def evaluator(self) -> str:
        """The evaluator's name."""
        return f"judge:{self.mode_id}"

    def shown(self) -> dict[str, Any]:
        """Return what the judge is shown of the mode; its limits and the guidance are left out where empty."""
        limits = {"belongs": self.belongs, "does_not_belong": self.does_not_belong, "guidance": self.guidance}
        known = {k: v for k, v in limits.items() if v}
        return {"name": self.name, "definition": self.definition, **known, "examples": list(self.examples)}

    def version(self, model: str) -> str:
        """Return a hash of all that decides the verdict beside the case: instructions, mode and model."""
        return _version(self, model)


@cache
def _version(mode: ModeToJudge, model: str) -> str:
    order = [VERDICT_FIRST] if mode.verdict_first else []
    content = json.dumps([load_prompt(__package__, "judge"), mode.shown(), model, *order])
    return hashlib.sha256(content.encode()).hexdigest()[:10]


def judge_ask(
    mode: ModeToJudge, case: GoldenCase, output: str, app: str, repeat: int = 0, option_order: str = "usual"
) -> Ask:
    """Ask whether `output`, an answer to `case`, shows the failure mode.

    In the `option_order` "reversed" the label options, the examples and the documents are listed last to first.
    """
    step = -1 if option_order == "reversed" else 1
    shown = mode.shown()
    data = {
        "failure_mode": {**shown, "examples": shown["examples"][::step]},
        "conversation": plain_messages(json.loads(case.messages)),
        "documents": json.loads(case.context)[::step],
        "answer": output,
        **hints_of(mode, case, output),
    }
    instructions = load_prompt(__package__, "judge").format(app=app)
    if mode.verdict_first:
        instructions = instructions.rstrip().rpartition("\n")[0] + "\n" + VERDICT_FIRST
    schema = VerdictFirst if mode.verdict_first else Verdict
    ask = ask_about(ROLE, instructions if step == 1 else _reversed_options(instructions), data, schema)
    return Ask(ask.role, ask.messages, ask.schema, repeat)


def _reversed_options(instructions: str) -> str:
    """Return instructions with the list of labels, and the choice of labels in the reply's form, last to first."""
    lines = instructions.split("\n")
    places = [i for i, line in enumerate(lines) if line.startswith('- "')]
    for place, line in zip(places, [lines[i] for i in reversed(places)], strict=True):
        lines[place] = line
    return _CHOICE.sub(lambda found: " | ".join(reversed(found[0].split(" | "))), "\n".join(lines))


_CHOICE = re.compile(r'"\w+"(?: \| "\w+")+')


def hints_of(mode: ModeToJudge, case: GoldenCase, output: str) -> dict[str, str]:
    """Return what the case demands of an answer: a `requirement` or a `prohibition` that concerns this mode.

    Neither the expert's comment on production's answer nor a reference is shown. A judge is measured on the very
    answers that those were written about, where they would give the verdict away, and it must decide by the question
    that it was measured with.
    """
    if (
        case.criteria_kind == "criticism"
        or case.mode_id != mode.mode_id
        or not case.criteria
        or case.criteria == output
    ):
        return {}
    return {case.criteria_kind: case.criteria}


def references(case: GoldenCase, output: str) -> dict[str, Any]:
    """Return the known-good answers of a case as a judge is shown them, without the answer that is judged."""
    others = [r for r in json.loads(case.reference_alternatives or "[]") if r != output]
    first = case.reference if case.reference and case.reference != output else None
    return {**({"reference": first} if first else {}), **({"other_references": others} if others else {})}


def variables_of(case: GoldenCase) -> Mapping[str, Any]:
    """Return the values of the prompt's variables in a case, by name."""
    found = json.loads(case.variables or "{}")
    return found if isinstance(found, dict) else {}


def read_verdict(reply: Reply) -> tuple[str | None, str]:
    """Return (label, explanation); the label is None, with the error as explanation, when there is no verdict."""
    if isinstance(reply.parsed, Verdict | VerdictFirst):
        return reply.parsed.label, reply.parsed.explanation
    return None, reply.error or "no verdict"
