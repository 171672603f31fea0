"""A scale of tone from 1 to 5, rated by a model; ratings in the accepted band pass."""

from __future__ import annotations

import json
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, field_validator
from pydantic.dataclasses import dataclass

from flywheel_pipeline.ports import Ask, Reply
from flywheel_pipeline.prompting import ask_about, load_prompt, plain_messages
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.judge import ROLE
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.text import SETTINGS, Text

LOWEST, HIGHEST = 1, 5
Step = Annotated[int, Field(ge=LOWEST, le=HIGHEST)]


class Rating(BaseModel):
    """What a model replies; a half (3.5) or a number outside the scale is no rating."""

    explanation: str = ""
    rating: Literal[1, 2, 3, 4, 5]

    @field_validator("rating", mode="before")
    @classmethod
    def _no_truth(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("true is no rating")
        return value


@dataclass(frozen=True, config=SETTINGS)
class Tone:
    """Passes an answer whose `scale` (for example formality) is rated from `lowest` to `highest`, inclusive.

    `one` and `five` say in words what the ends of the scale mean.
    """

    kind: ClassVar[str] = "tone"
    scale: Text
    one: Text
    five: Text
    lowest: Step = LOWEST
    highest: Step = HIGHEST

    def __post_init__(self) -> None:
        if self.lowest > self.highest:
            raise ValueError(f"no rating is accepted: lowest ({self.lowest}) is above highest ({self.highest})")

    @property
    def code_version(self) -> str:
        """The instructions."""
        return load_prompt(__package__, "tone")

    def ask(self, case: GoldenCase, output: str, app: str, repeat: int = 0) -> Ask:
        """Ask for the rating of `output`, an answer to `case`."""
        data = {
            "scale": {"name": self.scale, "1": self.one, "5": self.five},
            "conversation": plain_messages(json.loads(case.messages)),
            "answer": output,
        }
        ask = ask_about(ROLE, load_prompt(__package__, "tone").format(app=app), data, Rating)
        return Ask(ask.role, ask.messages, ask.schema, repeat)

    def read(self, reply: Reply) -> Judgement:
        """Return the judgement of a reply; `score` is the rating from 0 (1) to 1 (5)."""
        if not isinstance(reply.parsed, Rating):
            return Judgement(None, reply.error or "no rating", broken=True)
        rating = reply.parsed.rating
        accepted = self.lowest <= rating <= self.highest
        reason = f"{rating} of {HIGHEST} ({self.lowest} to {self.highest} accepted): {reply.parsed.explanation}"
        return Judgement("pass" if accepted else "fail", reason, (rating - LOWEST) / (HIGHEST - LOWEST))


def rating_of(score: float) -> int:
    """Return the rating behind a judgement's score."""
    return round(score * (HIGHEST - LOWEST)) + LOWEST
