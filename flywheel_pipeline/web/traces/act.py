"""What the page does with traces that a person chose: make golden cases, send them to an annotator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.errors import EditError
from flywheel_pipeline.flows.golden.add import Made, add_cases, check_cases, describe
from flywheel_pipeline.flows.traces.pick import MOST, send_to_annotator
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.steps.capture.fields import read_text
from flywheel_pipeline.steps.golden.pick import Wanted

LONGEST = 20_000
MOST_DOCUMENTS = 100


def make_cases(bench: Workbench, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Make a golden case of each of the traces, or only check what would be made: {made: [...], n_new}.

    Raises:
        EditError: the request is not one.
    """
    wanted = _wanted(sent)
    traces = dict.fromkeys(_ids(sent), wanted)
    made = check_cases(bench, traces) if sent.get("check") else add_cases(bench, traces)
    n_new = len({m.placed.case.case_id for m in made if m.placed and m.placed.case and m.placed.is_new})
    return {"made": [_shown(m) for m in made], "n_new": n_new}


def _shown(made: Made) -> dict[str, Any]:
    draft = made.placed.draft if made.placed else None
    fields = {} if draft is None else {
        "kind": draft.kind, "reference": draft.reference or "", "criteria": draft.criteria or "",
        "criteria_kind": draft.criteria_kind, "documents": list(draft.expected_doc_ids), "mode_id": draft.mode_id,
        "input": draft.input[:LONGEST], "n_messages": len(draft.messages),
    }  # fmt: skip
    is_case = made.placed is not None and made.placed.case is not None and not made.problem
    return {"trace_id": made.trace_id, "ok": is_case, "lines": describe(made), **fields}


def _wanted(sent: Mapping[str, Any]) -> Wanted:
    turn, documents = sent.get("turn"), sent.get("documents")
    if turn is not None and (isinstance(turn, bool) or not isinstance(turn, int)):
        raise EditError("the turn must be the number of a message")
    if documents is not None:
        if not isinstance(documents, list) or len(documents) > MOST_DOCUMENTS:
            raise EditError(f"documents must be a list of up to {MOST_DOCUMENTS} ids")
        documents = tuple(_text({"document": d}, "document") or "" for d in documents)
    return Wanted(
        kind=_text(sent, "kind") or None,
        turn=turn,
        reference=_text(sent, "reference"),
        criteria=_text(sent, "criteria"),
        criteria_kind=_text(sent, "criteria_kind") or None,
        expected_doc_ids=None if documents is None else tuple(d for d in documents if d),
        mode_id=_text(sent, "mode_id") or None,
    )


def _text(sent: Mapping[str, Any], name: str) -> str | None:
    """Return a text, "" where it was emptied, None where it is not sent: then it follows from the verdict."""
    try:
        return None if sent.get(name) is None else read_text(sent[name], name, LONGEST) or ""
    except ValueError as error:
        raise EditError(str(error)) from None


def _ids(sent: Mapping[str, Any]) -> list[str]:
    ids = sent.get("ids")
    if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids) or not 1 <= len(ids) <= MOST:
        raise EditError(f"name 1 to {MOST} traces")
    return ids


def send_traces(bench: Workbench, annotator: str, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Send traces to an annotator: {batch, n, to}; raises like `send_to_annotator`."""
    to, note = _text(sent, "to") or None, _text(sent, "note") or ""
    rows = send_to_annotator(bench, _ids(sent), note, annotator, to)
    receiver = to or bench.settings.annotate.arbiter
    return {"batch": rows[0].batch if rows else "", "n": len(rows), "to": receiver}
