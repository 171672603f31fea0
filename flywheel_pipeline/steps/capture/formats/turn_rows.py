"""Turns of a conversation that arrive one by one, in any order, block and file -> the conversation.

The number of a turn decides, then its time, then its place in the file: tables are written from the first turn to the
last or the other way round, which the turns with different numbers or times show. Where they show neither, the order is
not determined.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from flywheel_pipeline.steps.capture.formats.times import UnreadableError
from flywheel_pipeline.steps.capture.spans import Span

TURN = "turn"
"""The kind of a step that is one turn; its `order` is `NUMBER|FILE|LINE`, the number empty where it has none."""
NOT_DETERMINED = (
    "the order of the turns is not determined: several have the same time, and the rows are in no order; add a column "
    "`turn` with the number of each turn in its conversation"
)


def order_of(number: int | None, file: str, line: int) -> str:
    """Return the `order` of a turn; numbers may be negative and of any length that a table holds."""
    return f"{'' if number is None else number}|{file}|{line}"


def join_turns(spans: Sequence[Span], is_whole: bool = True) -> list[Span]:
    """Return the steps of a trace, its turns made one step that holds the conversation.

    Args:
        is_whole: whether an order that is not determined is an error; else the turns stand as in the file, and the tag
            `turn_order` says so.

    Raises:
        UnreadableError: the order of the turns is not determined.
    """
    turns = [s for s in spans if s.kind == TURN]
    if not turns:
        return list(spans)
    turns, is_certain = _sorted(turns)
    if is_whole and not is_certain:
        raise UnreadableError(NOT_DETERMINED)
    doubt = {} if is_certain else {"turn_order": "not determined: as in the file"}
    models = [t.model for t in turns if t.model]
    costs = [t.cost_usd for t in turns if t.cost_usd is not None]
    joined = Span(
        trace_id=turns[0].trace_id,
        span_id=turns[0].trace_id,
        kind="llm",
        started_at=min((t.started_at for t in turns if t.started_at), default=None),
        error=next((t.error for t in reversed(turns) if t.error), None),
        messages=[m for t in turns for m in t.messages],
        model=models[-1] if models else None,
        app=next((t.app for t in turns if t.app), None),
        session_id=next((t.session_id for t in turns if t.session_id), None),
        input_tokens=sum(n for t in turns if (n := t.input_tokens)) or None,
        output_tokens=sum(n for t in turns if (n := t.output_tokens)) or None,
        cost_usd=sum(costs) if costs else None,
        tags={**{k: v for t in turns for k, v in t.tags.items()}, **doubt},
    )
    return [joined, *(s for s in spans if s.kind != TURN)]


def _sorted(turns: Sequence[Span]) -> tuple[list[Span], bool]:
    """Return the turns in their order, and whether it is certain."""
    numbers = {id(t): _number(t) for t in turns}
    use_numbers = None not in numbers.values()

    def key(turn: Span) -> tuple[int, str]:
        return (numbers[id(turn)] or 0) if use_numbers else 0, str(turn.started_at or "")

    as_written = sorted(turns, key=_place)
    keys = [key(t) for t in as_written]
    rises = {a < b for a, b in pairwise(keys) if a != b}
    ordered = sorted(as_written[:: -1 if rises == {False} else 1], key=key)
    return ordered, len(set(keys)) == len(keys) or _is_certain(as_written, rises)


def _is_certain(as_written: Sequence[Span], rises: set[bool]) -> bool:
    """Return whether the place in the file may order turns that nothing else does.

    The rows must run one way, and where nothing shows which, not begin with an answer and end with a question.
    """
    speakers = [t.messages[0]["role"] for t in as_written if t.messages]
    answered_first = not rises and speakers[:1] == ["assistant"] and speakers[-1:] == ["user"]
    return len(rises) < 2 and not answered_first


def _number(turn: Span) -> int | None:
    text = turn.order.partition("|")[0]
    return int(text) if text else None


def _place(turn: Span) -> tuple[str, int]:
    file, _, line = turn.order.partition("|")[2].rpartition("|")
    return file, int(line or 0)
