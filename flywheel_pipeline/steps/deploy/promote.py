"""The rules of promotion, and where the first prompt comes from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from flywheel_pipeline.errors import GateError
from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.records import PromptCandidate, PromptVersion


def check_promotion(
    candidates: Sequence[PromptCandidate], wanted: str | None, production: str | None
) -> PromptCandidate:
    """Return the candidate to promote: the one named, or the only one that the gate lets ship.

    Raises:
        GateError: there is no such candidate, the gate did not decide `ship`, or the decision was made
            against another prompt than the one now in production.
    """
    found = [c for c in candidates if c.decision == "ship" if wanted is None or c.candidate_id.startswith(wanted)]
    refused = [c for c in candidates if wanted and c.candidate_id.startswith(wanted) and c not in found]
    if refused:
        raise GateError(
            f"{refused[0].candidate_id} may not ship: {refused[0].decision or 'not decided'}, {refused[0].reason}"
        )
    if len(found) != 1:
        if len(found) > 1:
            names = ", ".join(c.candidate_id for c in found)
            raise GateError(f"Several candidates may ship: {names}. Name one: `flywheel promote CANDIDATE`.")
        raise GateError(_none_passed(candidates, wanted))
    if found[0].base_version != production:
        raise GateError(
            f"{found[0].candidate_id} was compared with {found[0].base_version}, but {production} is in production "
            "now. Run `flywheel run` for a new decision."
        )
    return found[0]


def _none_passed(candidates: Sequence[PromptCandidate], wanted: str | None) -> str:
    if not candidates:
        return "There is no candidate yet: `flywheel run` proposes one."
    decided = "; ".join(f"{c.candidate_id}: {c.decision or c.status}" for c in candidates)
    none = f"No candidate begins with {wanted!r}" if wanted else "No candidate has passed the gate"
    why = '`flywheel sql "select candidate_id, decision, reason from prompt_candidate"` says why.'
    return f"{none} ({decided}). {why}"


def first_prompt(name: str, conversations: Iterable[str]) -> PromptVersion | None:
    """Return the system prompt that most traces began with, as the first version; None when none has one.

    `conversations` are the `messages` of traces as JSON text.
    """
    prompts = Counter(p for c in conversations if (p := system_prompt(json.loads(c))))
    if not prompts:
        return None
    text, n = min(prompts.items(), key=lambda item: (-item[1], item[0]))
    differ = "; most differ: `flywheel prompts mine` looks for their template" if 2 * n < prompts.total() else ""
    note = f"the most frequent system prompt of the traces ({n} of {prompts.total()}{differ})"
    return PromptVersion.of(name, text, None, note)


def system_prompt(messages: Sequence[dict[str, object]]) -> str:
    """Return the system prompt of a conversation; empty where it has none."""
    return "\n".join(text_of(m.get("content")) for m in messages if m.get("role") in ("system", "developer")).strip()
