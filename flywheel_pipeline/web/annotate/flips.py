"""Flipped cases on the labelling page: the gate asks for a verdict on two answers, and whose they are is hidden.

An item is one case with both answers side by side, in an order that a coin has thrown for each case. What the page
sends is about the first and the second answer; what is kept is about production's (`before`) and the candidate's
(`after`), so that a label does not depend on the order in which it was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.flows.flips import FIELDS, VERDICTS, Flip
from flywheel_pipeline.web.annotate.conversation import Conversation, Text, answer_texts
from flywheel_pipeline.web.annotate.labels import InvalidLabelError
from flywheel_pipeline.web.annotate.render import render_answers, render_piece

PREFIX, COMPARED, DEFER = "flip:", "compared", "defer"
OUTLINE = 1_000
"""Messages that the list to jump from holds."""
REASON = "The gate asks for your verdict on both answers. Judge each for itself; whose they are is hidden."


def is_flip(key: str) -> bool:
    """Return whether a key is that of a flipped case, and not of a trace."""
    return key.startswith(PREFIX)


def key_of(flip: Flip) -> str:
    """Return the key of an item; the answers are part of it, so that a label is never taken for one of other answers.

    Which of the two prompts is the candidate does not show in it.
    """
    return f"{PREFIX}{flip.batch}:{flip.pair.digest}:{flip.case.case_id}"


@dataclass(frozen=True)
class _Transcript:
    """The parts of a golden case that a conversation is read from, by the names that they have in a trace."""

    messages: str
    input: str
    retrieved: str
    error: str | None = None


class Compared(Conversation):
    """The conversation and the documents of a case, with the two answers in the order in which they are shown."""

    def __init__(self, flip: Flip) -> None:
        super().__init__(_Transcript(flip.case.messages, flip.case.input, flip.case.context))
        pair = (flip.pair.before, flip.pair.after)
        shown = reversed(pair) if flip.is_candidate_first else pair
        self.answers = [answer_texts(f"a{n}", a.output or "", a.tool_calls) for n, a in enumerate(shown)]

    def text(self, address: str) -> Text:
        """Return the text of an address, one of an answer too; raises as in `Conversation`."""
        texts = [t for answer in self.answers for t in answer]
        return next((t for t in texts if t.address == address), None) or super().text(address)


def show_flip(flip: Flip) -> dict[str, Any]:
    """Return an item as the page shows it: nothing in it says which answer is the candidate's."""
    compared = Compared(flip)
    about = {"key": key_of(flip), "trace_id": flip.case.case_id, "reason": REASON, "badges": []}
    shown = {"n_messages": len(compared.messages), "outline": compared.outline(OUTLINE)}
    return {**about, **shown, "answers": render_answers(compared.answers), **render_piece(compared)}


def read_verdicts(flip: Flip, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the verdicts that were sent, {before, after}, those that are given.

    Raises:
        InvalidLabelError: one of them is neither pass nor fail.
    """
    shown = [sent.get(name) or None for name in ("first", "second")]
    if any(verdict not in (None, "pass", "fail") for verdict in shown):
        raise InvalidLabelError("a verdict on an answer must be pass or fail")
    before, after = reversed(shown) if flip.is_candidate_first else shown
    return {name: v for name, v in (("before", before), ("after", after)) if v}


def read_flip_label(flip: Flip, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the label that was sent, with all that its line in `golden/flip_labels.jsonl` needs.

    Raises:
        InvalidLabelError: it is neither deferred nor has a verdict on both answers.
    """
    verdicts = read_verdicts(flip, sent)
    if sent.get("verdict") not in (COMPARED, DEFER):
        raise InvalidLabelError(f"the verdict on a pair of answers must be {COMPARED} or {DEFER}")
    if sent["verdict"] == COMPARED and len(verdicts) < 2:
        raise InvalidLabelError("Pass or fail both answers.")
    given = verdicts if sent["verdict"] == COMPARED else {"before": DEFER, "after": DEFER}
    about = {"base": flip.base, "candidate": flip.candidate, "case_id": flip.case.case_id}
    return {
        "key": key_of(flip), "verdict": sent["verdict"], **about, **given, "answers": flip.pair.digest,
        "batch": flip.batch,
    }  # fmt: skip


def show_verdicts(flip: Flip, kept: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return kept verdicts as the page shows them: {verdict, first, second}; None for none."""
    if kept is None:
        return None
    known = [kept.get(name) if kept.get(name) in VERDICTS[:2] else None for name in ("before", "after")]
    first, second = reversed(known) if flip.is_candidate_first else known
    return {"verdict": kept.get("verdict"), "first": first, "second": second}


def flip_rows(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of `golden/flip_labels.jsonl` that labels become; a withdrawn one is a deferred one."""
    rows = []
    for event in events:
        row = {name: event[name] for name in FIELDS}
        withdrawn = {"before": DEFER, "after": DEFER} if event["verdict"] == DEFER else {}
        rows.append({**row, **withdrawn, "batch": event["batch"], "annotator": event["annotator"], "at": event["at"]})
    return rows
