"""Label Studio: a task has `data` and `annotations[].result[]`, one row for each annotation; predictions are not read.

Its JSON-MIN and CSV exports are rows with `annotation_id` and `lead_time`, whose answers may be lists (several texts)
or `{"choices": [...]}`. Where single turns of a dialogue are judged, the first that fails is `first_failure_step`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flywheel_pipeline.steps.annotate.answers import Named, fold_turns, is_on_a_turn, name_answers, trace_of
from flywheel_pipeline.steps.annotate.columns import CONTEXT, LabelRules, matches
from flywheel_pipeline.steps.annotate.entries import Cells, Entries, Entry, keys_of, mapping, objects, text_of
from flywheel_pipeline.steps.annotate.rows import Row
from flywheel_pipeline.steps.annotate.sources import read_literal
from flywheel_pipeline.steps.annotate.words import bare_key, is_blank, tidy, verdict_of

NAME = "label-studio"
PICKED = "is_picked"
"""The field of a task by which our own export marks a picked trace."""

Answer = tuple[int | None, Any]
"""The turn that an answer is about, if any, and the answer."""
_CONTROLS = ("choices", "textarea", "number", "rating", "datetime", "taxonomy")
_OWN = frozenset(("id", "annotator", "annotationid", "createdat", "updatedat", "leadtime", "ispicked"))


def recognises(cells: Cells) -> bool:
    """Return whether a row is a task, or an annotation of the JSON-MIN or CSV export."""
    keys = keys_of(cells)
    data = cells.get("data")
    if isinstance(data, dict) and not {"traceid", "verdict"} & keys.keys():
        return isinstance(cells.get("annotations"), list) or any(matches("trace_id", k) is not None for k in data)
    return {"annotationid", "leadtime"} <= keys.keys()


def read(rows: Sequence[Row], rules: LabelRules) -> Entries:
    """Return an entry for each annotation, and one for a task without annotations."""
    used: dict[str, str] = {}
    entries = [e for row in rows for e in (_task if _is_task(row.cells) else _flat)(row, rules, used)]
    return Entries(entries, (), used)


def _is_task(cells: Cells) -> bool:
    return isinstance(cells.get("data"), dict)


def _task(row: Row, rules: LabelRules, used: dict[str, str]) -> Iterator[Entry]:
    data = row.cells["data"]
    base = {"trace_id": trace_of(data, rules), "verdict": "", PICKED: data.get(PICKED)}
    own = {k: v for k, v in data.items() if matches("trace_id", k) is None and tidy(k) not in (*CONTEXT, PICKED)}
    annotations = objects(row.cells.get("annotations"))
    for annotation in annotations:
        named = _judged(_results(annotation), rules)
        used |= {**named.used, **used}
        is_skipped = bool(annotation.get("was_cancelled") or annotation.get("skipped"))
        ids = {f"label_studio_{k}": annotation[k] for k in ("id", "lead_time", "ground_truth") if annotation.get(k)}
        cells = {
            **base, **named.cells, "annotator": _person(annotation.get("completed_by")),
            "labelled_at": annotation.get("updated_at") or annotation.get("created_at"),
            "extra": {**own, **named.cells["extra"], **ids}, **({"verdict": "defer"} if is_skipped else {}),
        }  # fmt: skip
        yield Entry(row, cells, problem=None if is_skipped else named.problem)
    if not annotations:
        yield Entry(row, base)


def _flat(row: Row, rules: LabelRules, used: dict[str, str]) -> Iterator[Entry]:
    keys = keys_of(row.cells)
    theirs = {k: v for k, v in row.cells.items() if bare_key(k) not in _OWN}
    named = _judged({k: _parts(v) for k, v in theirs.items() if matches("trace_id", k) is None}, rules)
    used |= {**named.used, **used}
    own = {tidy(k): v for k, v in row.cells.items() if bare_key(k) in _OWN - {"annotator", "updatedat", "ispicked"}}
    cells = {
        "trace_id": trace_of(theirs, rules), **named.cells, PICKED: keys.get("ispicked"),
        "annotator": _person(read_literal(keys.get("annotator"))),
        "labelled_at": keys.get("updatedat") or keys.get("createdat"), "extra": {**own, **named.cells["extra"]},
    }  # fmt: skip
    yield Entry(row, cells, problem=named.problem)


def _results(annotation: Cells) -> dict[str, list[Answer]]:
    """Return {from_name: what was chosen, written or counted, and on which turn}."""
    found: dict[str, list[Answer]] = {}
    for result in objects(annotation.get("result")):
        value = mapping(result.get("value"))
        kind = str(result.get("type") or "")
        answer = value.get("text" if kind == "textarea" else kind)
        if kind in _CONTROLS and answer is not None:
            found.setdefault(str(result.get("from_name")), []).append((_turn(value, result.get("item_index")), answer))
    return found


def _parts(cell: Any) -> list[Answer]:
    """Return the parts of a cell: of a list, or of the text of one, as the CSV export writes it."""
    value = read_literal(cell)
    if isinstance(cell, str) and isinstance(value, list) and not all(isinstance(v, str | dict) for v in value):
        value = cell
    if isinstance(value, list) and all(isinstance(v, dict) for v in value):
        return [(_turn(v, v.get("item_index")), v) for v in value]
    return [] if value is None else [(_turn(mapping(value), None), value)]


def _turn(value: Mapping[str, Any], item: Any) -> int | None:
    """Return the number of the paragraph that a region is in; offsets in a plain text are none."""
    start, end = str(value.get("start", "")), str(value.get("end", value.get("start", "")))
    in_dialogue = {"startOffset", "endOffset", "paragraphlabels"} & value.keys()
    if in_dialogue and start.isdecimal() and end.isdecimal() and len(start) < 6:
        return int(start)
    return item if isinstance(item, int) and not isinstance(item, bool) and item >= 0 else None


def _judged(answers: Mapping[str, Sequence[Answer]], rules: LabelRules) -> Named:
    """Return the answers under our names, with verdicts on turns folded into one on the trace."""
    turns: dict[str, list[tuple[int | None, str]]] = {}
    for name, parts in answers.items():
        is_verdict = matches("verdict", name) is not None or tidy(rules.columns.get("verdict") or "") == tidy(name)
        if is_verdict and (len(parts) > 1 or any(turn is not None for turn, _ in parts)):
            turns[name] = [(turn, text_of(a)) for turn, a in parts]
        elif is_on_a_turn(name) and verdict_of(text_of([a for _, a in parts])):
            turns[name] = [(None, text_of([a for _, a in parts]))]
    verdict, step = fold_turns([turn for listed in turns.values() for turn in listed])
    whole = {n: _of_turn(v, step) for n, v in answers.items() if n not in turns}
    named = name_answers(whole, rules)
    if not turns or not is_blank(named.cells["verdict"]):
        return named
    by_turn = {f"{name} by turn": [f"{t}: {v}" if t is not None else v for t, v in vs] for name, vs in turns.items()}
    cells = {**named.cells, "verdict": verdict, "extra": {**named.cells["extra"], **by_turn}}
    if step is not None and is_blank(cells.get("first_failure_step")):
        cells["first_failure_step"] = step
    return Named(cells, {"verdict": next(iter(turns)), **named.used})


def _of_turn(parts: Sequence[Answer], step: int | None) -> list[Any]:
    """Return the answers on the turn that failed first, where there are any; else all."""
    return [a for turn, a in parts if turn == step and step is not None] or [a for _, a in parts]


def _person(value: Any) -> str | None:
    named = mapping(value)
    who = next((named[k] for k in ("email", "username", "user_name", "name", "id") if named.get(k)), None)
    return text_of(who if named else value) or None
