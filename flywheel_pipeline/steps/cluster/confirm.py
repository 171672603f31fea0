"""Ask a model about proposals: whether it would make the change, and under which name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, Field

from flywheel_pipeline.ports import LLM, Ask
from flywheel_pipeline.prompting import ask_about, load_prompt
from flywheel_pipeline.steps.cluster.ask import ROLE
from flywheel_pipeline.steps.cluster.history import Reviewed
from flywheel_pipeline.steps.cluster.modes import MAX_NAME
from flywheel_pipeline.steps.cluster.proposals import DOUBTED
from flywheel_pipeline.steps.cluster.propose import ProposedChange


class Opinion(BaseModel):
    """The reply to `confirm_ask`."""

    agrees: bool
    reason: str = Field(min_length=1)
    name: str = ""


def confirm_ask(proposal: ProposedChange, known: Reviewed, app: str) -> Ask:
    """Ask whether one change is right, and for a better name of what is renamed or split off."""
    modes = [known.mode(i) for i in proposal.modes]
    shown = [{"name": m.name, "definition": m.meaning, "examples": m.examples()} for m in modes]
    data = {"change": {"kind": proposal.kind, "what": proposal.what, "evidence": proposal.why}, "modes": shown,
            "failures": list(proposal.examples)}  # fmt: skip
    return ask_about(ROLE, load_prompt(__package__, "confirm_change").format(app=app), data, Opinion)


def confirm_proposals(proposals: Sequence[ProposedChange], known: Reviewed, llm: LLM, app: str) -> list[ProposedChange]:
    """Return the proposals with the model's opinion of each; one that it did not answer about stays as it was."""
    replies = llm.ask([confirm_ask(p, known, app) for p in proposals])
    return [_with(p, reply.parsed) for p, reply in zip(proposals, replies, strict=True)]


def _with(proposal: ProposedChange, opinion: BaseModel | None) -> ProposedChange:
    if not isinstance(opinion, Opinion):
        return proposal
    word = ("yes: " if opinion.agrees else DOUBTED) + " ".join(opinion.reason.split())[:300]
    name = " ".join(opinion.name.split())[:MAX_NAME] if proposal.kind == "split" else ""
    return replace(proposal, model=word, name=name or proposal.name)
