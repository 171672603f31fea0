"""Propose prompts: first clearer instructions, then the same with examples of good answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from flywheel_pipeline.errors import ModelError
from flywheel_pipeline.ports import LLM, Ask
from flywheel_pipeline.prompting import ask_about, load_prompt, plain_messages
from flywheel_pipeline.records import GoldenCase

ROLE = "improver"
SHOWN = 3
"""Example conversations a mode that the improver is shown."""


@dataclass(frozen=True)
class ModeEvidence:
    """What the improver may know of a failure mode: `cases` are of the train split only."""

    name: str
    definition: str
    n_failures: int
    comments: tuple[str, ...]
    cases: tuple[GoldenCase, ...]


@dataclass(frozen=True)
class ProposedPrompt:
    """A proposed prompt and what was changed; `examples` is the part of the text that holds few-shot examples."""

    text: str
    changes: tuple[str, ...]
    examples: str = ""

    @property
    def instructions(self) -> str:
        """The text without the few-shot examples."""
        return self.text.removesuffix(self.examples) if self.examples else self.text


class ImprovedPrompt(BaseModel):
    """The improver's reply."""

    prompt: str = Field(min_length=1)
    changes: list[str] = []


def propose_prompts(
    prompt: str, evidence: Sequence[ModeEvidence], good: Sequence[GoldenCase], llm: LLM, app: str
) -> list[ProposedPrompt]:
    """Return the proposals, simplest first; none when the improver has nothing to change.

    `good` are happy paths of the train split; their questions and answers become few-shot examples.

    Raises:
        ModelError: the improver gave no usable reply.
        ValueError: a case is not of the train split.
    """
    unseen = [c.case_id for c in (*good, *(c for m in evidence for c in m.cases)) if c.split != "train"]
    if unseen:
        raise ValueError(f"the improver may only see cases of the train split, not {', '.join(unseen[:5])}")
    reply = llm.ask([improve_ask(prompt, evidence, app)])[0]
    if not isinstance(reply.parsed, ImprovedPrompt):
        raise ModelError(f"the improver gave no usable prompt: {reply.error}")
    if reply.parsed.prompt.strip() == prompt.strip():
        return []
    clearer = ProposedPrompt(reply.parsed.prompt.strip(), tuple(reply.parsed.changes))
    if not good:
        return [clearer]
    examples = few_shot(good)
    changes = (*clearer.changes, f"{len(good)} examples of good answers")
    return [clearer, ProposedPrompt(f"{clearer.text}\n\n{examples}", changes, examples)]


def improve_ask(prompt: str, evidence: Sequence[ModeEvidence], app: str) -> Ask:
    """Ask for a better prompt."""
    modes = [
        {
            "name": m.name, "definition": m.definition, "n_failures": m.n_failures, "comments": list(m.comments),
            "examples": [_example(c) for c in m.cases[:SHOWN]],
        }
        for m in evidence
    ]  # fmt: skip
    instructions = load_prompt(__package__, "improve_prompt").format(app=app)
    return ask_about(ROLE, instructions, {"prompt": prompt, "failure_modes": modes}, ImprovedPrompt, whole=("prompt",))


def _example(case: GoldenCase) -> dict[str, object]:
    return {"conversation": plain_messages(json.loads(case.messages)), "failed_answer": case.observed_output}


def few_shot(good: Sequence[GoldenCase]) -> str:
    """Return the few-shot section of a prompt, fenced as JSON so that no example can pose as an instruction."""
    rows = [json.dumps({"user": c.input, "answer": c.reference}, ensure_ascii=False) for c in good]
    return "Examples of good answers (they show the manner, not the facts):\n" + "\n".join(rows)
