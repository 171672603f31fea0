"""Each changed line carries the reasons that were recorded for it, and no others."""

from __future__ import annotations

from flywheel_pipeline.steps.improve.propose import ADDED, CHANGED, REMOVED
from flywheel_pipeline.steps.improve.reasons import ChangedLine, Reason, explain_lines

BEFORE = "You are Moss.\n\n- Help with plants.\n- Use emojis.\n"
AFTER = "You are Moss.\n\n- Help with garden plants only.\n- Never promise a refund.\n"


def a_row(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "line": "- Never promise a refund.",
        "action": ADDED,
        "mode_id": "fm-1",
        "mode": "Promises",
    }
    row |= {"cases": ["g-1"], "why": "It promised."}
    return {**row, **changes}


def test_lines_that_are_alike_are_one_that_changed_and_unrecorded_ones_have_no_reason() -> None:
    assert explain_lines(BEFORE, AFTER, [a_row()]) == [
        ChangedLine(CHANGED, "- Help with garden plants only.", "- Help with plants."),
        ChangedLine(
            ADDED, "- Never promise a refund.", reasons=(Reason("fm-1", "Promises", ("g-1",), "It promised."),)
        ),
        ChangedLine(REMOVED, "- Use emojis."),
    ]


def test_the_reason_for_a_removed_line_is_none_for_a_line_that_is_there() -> None:
    rows = [a_row(line="- Use emojis.", action=REMOVED), a_row(action=REMOVED)]
    by_action = {c.action: c.reasons for c in explain_lines(BEFORE, AFTER, rows)}
    assert len(by_action[REMOVED]) == 1 and by_action[ADDED] == ()


def test_a_line_that_the_improver_says_it_changed_is_paired_however_unlike_it_is() -> None:
    (changed,) = explain_lines(
        "Be loud.", "Write three short sentences.", [a_row(line="Write three short sentences.", action=CHANGED)]
    )
    assert (changed.action, changed.old, len(changed.reasons)) == (CHANGED, "Be loud.", 1)


def test_rows_that_cannot_be_read_and_blanks_explain_nothing() -> None:
    rows = [a_row(mode_id=""), a_row(cases="g-1"), a_row(line=None)]
    (line,) = explain_lines("", "- Never promise a refund.  ", rows)
    assert [r.cases for r in line.reasons] == [()]
    assert explain_lines("a \n\nb", "a\nb", rows) == []
