"""Minimal edits of a prompt, each tied to a failure mode and to train cases: the question, and what a reply becomes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field

from flywheel_pipeline.ports import Ask
from flywheel_pipeline.prompting import ask_about, load_prompt, plain_messages
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.improve.propose import (
    ADDED,
    CHANGED,
    REMOVED,
    LineReason,
    ModeEvidence,
    ProposedPrompt,
    refuse_held_out,
)

ROLE = "improver"
SAID = "the prompt says that already"
SHOWN = 3
"""Cases per failure mode that the improver is shown."""
MOST_REFUSED = 30
"""Refused edits that the improver is shown, the latest ones."""


class Edit(BaseModel):
    """One edit of one line."""

    mode: str
    cases: list[str] = []
    action: Literal["add", "replace", "remove"] = "add"
    line: int | None = None
    text: str = ""
    why: str = ""

    @property
    def new_line(self) -> str:
        """The new line: one line, whatever the reply holds."""
        return " ".join(self.text.split())


class EditReply(BaseModel):
    """The improver's reply."""

    edits: list[Edit] = Field([])


@dataclass(frozen=True)
class Refused:
    """An edit that was not made, or did not help, and why."""

    edit: Edit
    reason: str


def edit_ask(prompt: str, evidence: Sequence[ModeEvidence], app: str, refused: Sequence[Refused] = ()) -> Ask:
    """Ask for edits of a prompt.

    Raises:
        ValueError: a case is not of the train split.
    """
    refuse_held_out([c for m in evidence for c in m.cases])
    data = {
        "prompt": [{"line": n, "text": line} for n, line in enumerate(prompt.split("\n"), 1)],
        "failure_modes": [_shown(m) for m in evidence],
        "refused": [
            {"mode": r.edit.mode, "action": r.edit.action, "text": r.edit.new_line, "reason": r.reason}
            for r in refused[-MOST_REFUSED:]
        ],
    }
    return ask_about(ROLE, load_prompt(__package__, "edit_prompt").format(app=app), data, EditReply, whole=("prompt",))


def _shown(mode: ModeEvidence) -> dict[str, object]:
    return {
        "mode": mode.mode_id, "name": mode.name, "definition": mode.definition, "n_failures": mode.n_failures,
        "comments": list(mode.comments), "cases": [_example(c, mode) for c in mode.cases[:SHOWN]],
    }  # fmt: skip


def _example(case: GoldenCase, mode: ModeEvidence) -> dict[str, object]:
    found: dict[str, object] = {
        "case": case.case_id,
        "conversation": plain_messages(json.loads(case.messages)),
        "failed_answer": mode.answers.get(case.case_id, case.observed_output),
    }
    critique = mode.critiques.get(case.case_id)
    return {**found, "critique": critique} if critique else found


def check_edit(edit: Edit, prompt: str, evidence: Sequence[ModeEvidence]) -> str:
    """Return why an edit cannot be made; empty if it can."""
    mode = next((m for m in evidence if m.mode_id == edit.mode), None)
    n_lines = len(prompt.split("\n"))
    if mode is None:
        return f"it names no failure mode that was shown ({edit.mode[:40]!r})"
    if mode.cases and not _shown_cases(edit, mode):
        return "it names no case that was shown"
    if edit.action != "add" and edit.line is None:
        return f"it says not which line to {edit.action}"
    if edit.line is not None and not 1 <= edit.line <= n_lines:
        return f"there is no line {edit.line} in the prompt"
    if edit.action != "remove" and not edit.new_line:
        return "it has no text"
    if edit.action != "remove" and edit.new_line.removeprefix("- ") in prompt:
        return SAID
    return ""


def _shown_cases(edit: Edit, mode: ModeEvidence) -> tuple[str, ...]:
    shown = {c.case_id for c in mode.cases[:SHOWN]}
    return tuple(c for c in dict.fromkeys(edit.cases) if c in shown)


def apply_edits(parent: ProposedPrompt, edits: Sequence[Edit], evidence: Sequence[ModeEvidence]) -> ProposedPrompt:
    """Return a prompt with all edits made; of two that change the same line, the first counts.

    Line numbers are those of the parent. Lines added at the end follow a blank line, as a list. The parent's reasons
    stay with the lines that are still there.
    """
    modes, lines = {m.mode_id: m for m in evidence}, parent.text.split("\n")
    replaced: dict[int, str | None] = {}
    after: dict[int, list[str]] = {}
    reasons, changes, end = [], [], list[str]()
    for edit in edits:
        mode = modes[edit.mode]
        old = lines[edit.line - 1] if edit.line else ""
        if edit.action == "add" and edit.line:
            line, action = edit.new_line, ADDED
            after.setdefault(edit.line, []).append(line)
        elif edit.action == "add":
            line, action = f"- {edit.new_line.removeprefix('- ')}", ADDED
            end.append(line)
        elif edit.line in replaced:
            continue
        else:
            line, action = (edit.new_line, CHANGED) if edit.action == "replace" else (old, REMOVED)
            replaced[edit.line or 0] = edit.new_line if edit.action == "replace" else None
        changes.append(_described(action, line, old))
        reasons.append(LineReason(line, action, mode.mode_id, mode.name, _shown_cases(edit, mode), edit.why.strip()))
    made = []
    for n, line in enumerate(lines, 1):
        new = replaced.get(n, line)
        made += [*([] if new is None else [new]), *after.get(n, [])]
    text = "\n".join(made)
    if end:
        text = text.rstrip() + ("\n" if _ends_in_list(text) else "\n\n") + "\n".join(end)
    return ProposedPrompt(text.strip(), tuple(changes), "", _standing(parent.reasons, text, reasons))


def _described(action: str, line: str, old: str) -> str:
    if action == ADDED:
        return line.removeprefix("- ")
    return f"removed: {line}" if action == REMOVED else f"{old} → {line}"


def _ends_in_list(text: str) -> bool:
    return text.rstrip().rpartition("\n")[2].startswith("- ")


def _standing(old: Sequence[LineReason], text: str, new: Sequence[LineReason]) -> tuple[LineReason, ...]:
    """Return the reasons of lines that are in a text, or, if removed, are not; the newest of a line counts."""
    lines = set(text.split("\n"))
    latest = {(r.line, r.action == REMOVED): r for r in (*old, *new)}
    return tuple(r for r in latest.values() if (r.line in lines) != (r.action == REMOVED))
