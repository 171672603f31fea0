"""The questions to the model that writes cases, each in two halves: the question, and the shape of the reply.

Tuples are proposed first, then phrased, in separate calls; the results are rated in a third that sees neither.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from flywheel_pipeline.ports import Ask
from flywheel_pipeline.prompting import ask_about, load_prompt, plain_messages
from flywheel_pipeline.steps.golden.cases import Draft
from flywheel_pipeline.steps.golden.pairwise import Tuple

ROLE = "generator"
SHOWN = 8
"""Real questions, of the train split, that a model is shown for their manner."""


class Paraphrases(BaseModel):
    """The reply to `paraphrase_ask`."""

    questions: list[str] = Field(min_length=1)


class Phrased(BaseModel):
    """The reply to `phrase_ask`."""

    question: str = Field(min_length=1)
    criteria: str = Field(min_length=1)


class Realism(BaseModel):
    """The reply to `realism_ask`: 1 no user would write this, 5 could be from the log."""

    score: int = Field(ge=1, le=5)
    reason: str = ""


class Dimension(BaseModel):
    """What can differ between two questions, and its values."""

    name: str = Field(min_length=1)
    values: list[str] = Field(min_length=2)


class Dimensions(BaseModel):
    """The reply to `dimensions_ask`."""

    dimensions: list[Dimension] = Field(min_length=2, max_length=8)


def paraphrase_ask(draft: Draft, n: int, app: str) -> Ask:
    """Ask for `n` paraphrases of the message under test."""
    data = {"conversation": plain_messages(draft.messages[:-1]), "message": draft.input, "n": n}
    return ask_about(ROLE, load_prompt(__package__, "paraphrase").format(app=app), data, Paraphrases)


def phrase_ask(values: Tuple, questions: Sequence[str], app: str) -> Ask:
    """Ask for the message that a user in the situation `values` would write, and what a right answer must do."""
    data = {"situation": dict(values), "real_messages": list(questions[:SHOWN])}
    return ask_about(ROLE, load_prompt(__package__, "phrase_tuple").format(app=app), data, Phrased)


def realism_ask(question: str, questions: Sequence[str], app: str) -> Ask:
    """Ask how likely it is that a user of the app wrote `question`."""
    data = {"rated_message": question, "real_messages": list(questions[:SHOWN])}
    return ask_about(ROLE, load_prompt(__package__, "rate_realism").format(app=app), data, Realism)


def dimensions_ask(questions: Sequence[str], modes: Sequence[str], app: str) -> Ask:
    """Ask along which dimensions the questions that `modes` of failure come from differ."""
    data = {"real_messages": list(questions[: 4 * SHOWN]), "failure_modes": list(modes)}
    return ask_about(ROLE, load_prompt(__package__, "propose_dimensions").format(app=app), data, Dimensions)


def read_dimensions(found: Dimensions) -> dict[str, list[str]]:
    """Return {dimension: values} without repetitions, as `golden/dimensions.yaml` holds them for review."""
    unique = {d.name.strip(): list(dict.fromkeys(v.strip() for v in d.values if v.strip())) for d in found.dimensions}
    return {name: values for name, values in unique.items() if name and values}
