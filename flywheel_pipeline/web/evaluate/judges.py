"""The page on which the expert reviews the judges: whom to trust, and every answer on which one disagrees."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Hashable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flywheel_pipeline.flows.judges import Disagreement, Judge, JudgeBoard, judges_stamp, read_judges
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.stats import wilson
from flywheel_pipeline.steps.annotate import FIELDS, trace_of
from flywheel_pipeline.web.annotate import ERRORS, Actions, LabellingEndpoints
from flywheel_pipeline.web.annotate.badges import badges_of
from flywheel_pipeline.web.annotate.flips import OUTLINE
from flywheel_pipeline.web.annotate.labels import MAX_CODE_WORDS, read_label
from flywheel_pipeline.web.annotate.render import render_piece
from flywheel_pipeline.web.annotate.service import LabellingService, NotThereError
from flywheel_pipeline.web.pages import Page

__all__ = ["judges_page"]

LONGEST = 2_000
"""Characters of a judge's reason that are sent."""
GONE = "this disagreement is not there any more: reload the page"
NAME = "evals/judges"


class JudgeReview:
    """What the page asks for and does; labels go through the journal of the labelling page."""

    def __init__(self, bench: Workbench, service: LabellingService) -> None:
        self.bench, self.service = bench, service
        self._alone = threading.Lock()
        self._board: tuple[Hashable, JudgeBoard] | None = None

    def board(self) -> JudgeBoard:
        """Return the judges; read anew when a table or the taxonomy has changed."""
        with self._alone:
            stamp = judges_stamp(self.bench)
            if self._board is None or self._board[0] != stamp:
                self._board = stamp, read_judges(self.bench)
            self.service.refresh()
            return self._board[1]

    def show(self, annotator: str) -> dict[str, Any]:
        """Return all judges, all disagreements, and which of these the annotator has reviewed."""
        board = self.board()
        labels, latest, n_pending = self.service.given(annotator)
        given = {trace_of(key): label for key, label in labels.items() if label.get("page") == NAME}
        return {
            "annotator": annotator,
            "annotators": self.service.annotators,
            "judges": [_judge(j, board.disagreements) for j in board.judges],
            "disagreements": [_disagreement(d, given.get(d.trace_id)) for d in board.disagreements],
            "n_pending": n_pending,
            "undo": bool(latest and latest.get("page") == NAME),
        }

    def item(self, evaluator: str, trace_id: str) -> dict[str, Any]:
        """Return one disagreement: both verdicts and the trace as HTML.

        Raises:
            NotThereError: there is none, or its trace is gone.
        """
        board = self.board()
        found, label = self._find(evaluator, trace_id), board.labels.get(trace_id, {})
        try:
            trace = self.service.conversations.trace(trace_id)
            conversation = self.service.conversations.conversation(trace_id)
        except LookupError as error:
            raise NotThereError(str(error)) from None
        return {
            "key": trace_id,
            "mode": board.name_of(evaluator),
            "explanation": found.explanation[:LONGEST],
            "label": {k: v for k, v in label.items() if v is not None},
            "badges": badges_of(trace),
            "n_messages": len(conversation.messages),
            "outline": conversation.outline(OUTLINE),
            **render_piece(conversation),
        }

    def confirm(self, annotator: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Label the trace as it is labelled: the annotator has looked again, and the judge is wrong.

        Their own label is written again as it is; that of another person is confirmed, and its words stay theirs.
        """
        found = self._sent(sent)
        label = self.board().labels.get(found.trace_id, {})
        if label.get("annotator") == annotator:
            fields = {k: v for k, v in label.items() if k in FIELDS}
        else:
            fields = self._named(found) if found.expert == "fail" else {}
        return self._relabel(annotator, {**fields, "key": found.trace_id, "verdict": found.expert})

    def correct(self, annotator: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Label the trace with the other verdict; a failure is of the judge's mode, and the comment is the expert's.

        Where they write none, the short name of the failure is that of the mode: the judge's own words never become
        the expert's.
        """
        found = self._sent(sent)
        key, comment, step = found.trace_id, sent.get("comment"), sent.get("first_failure_step")
        if found.expert == "fail":
            return self._relabel(annotator, read_label({"key": key, "verdict": "pass", "comment": comment}))
        fields = {**self._named(found), "comment": comment, "first_failure_step": step}
        return self._relabel(annotator, read_label({"key": key, "verdict": "fail", **fields}))

    def _named(self, found: Disagreement) -> dict[str, str]:
        """Return a failure of the judge's mode, described by its name."""
        mode = self.board().name_of(found.evaluator)
        return {"code": " ".join(mode.split()[:MAX_CODE_WORDS]), "category": mode}

    def undo(self, annotator: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Withdraw the latest label if it was given on this page."""
        latest = self.service.given(annotator)[1]
        if latest is None or latest.get("page") != NAME:
            return {**self.show(annotator), "key": None}
        return {"key": trace_of(self.service.undo(annotator)["key"]), **self.show(annotator)}

    def submit(self, annotator: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Write the pending labels, also those of the labelling page, into a label file."""
        return {"n_submitted": self.service.submit(annotator)["n"], **self.show(annotator)}

    def _relabel(self, annotator: str, label: Mapping[str, Any]) -> dict[str, Any]:
        kept = self.service.relabel(annotator, {k: v for k, v in label.items() if v is not None}, NAME)
        return {**self.show(annotator), "n_submitted": kept["n_submitted"]}

    def _sent(self, sent: Mapping[str, Any]) -> Disagreement:
        return self._find(str(sent.get("judge")), str(sent.get("trace")))

    def _find(self, evaluator: str, trace_id: str) -> Disagreement:
        for d in self.board().disagreements:
            if (d.evaluator, d.trace_id) == (evaluator, trace_id):
                return d
        raise NotThereError(GONE)


def _judge(judge: Judge, disagreements: list[Disagreement]) -> dict[str, Any]:
    row = judge.row
    kinds = [d.kind for d in disagreements if d.evaluator == row.evaluator]
    return {
        "judge": row.evaluator,
        "name": judge.name,
        "status": "changed since" if judge.is_stale else row.status,
        "next": judge.next,
        "fails": _recall(row.fail_recall, row.n_fail),
        "passes": _recall(row.pass_recall, row.n_pass),
        "n_broken": row.n_broken,
        "repeated": _agreement(row.repeat_agreement, row.n_repeated),
        "swapped": _agreement(row.swap_agreement, row.n_swapped),
        "counts": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
    }


def _recall(share: float | None, n: int) -> dict[str, Any] | None:
    """Return what a judge recognised of `n` labelled answers, with the 95 % Wilson interval."""
    if share is None:
        return None
    low, high = wilson(share * n, n)
    return {"share": share, "low": low, "high": high, "n": n, "n_right": round(share * n)}


def _agreement(share: float | None, n: int) -> str:
    return "" if share is None else f"{round(share * n)} of {n}"


def _disagreement(d: Disagreement, given: Mapping[str, Any] | None) -> dict[str, Any]:
    done = "" if given is None else "confirmed" if given["verdict"] == d.expert else "corrected"
    return {"judge": d.evaluator, "trace": d.trace_id, "kind": d.kind, "expert": d.expert, "split": d.split,
            "done": done}  # fmt: skip


class _Endpoints:
    """The requests of the page that are not those of a label."""

    def __init__(self, review: JudgeReview) -> None:
        self.review, self.labels = review, LabellingEndpoints(review.service)
        self._actions: Actions = {
            "confirm": review.confirm, "correct": review.correct, "undo": review.undo, "submit": review.submit,
        }  # fmt: skip

    async def board(self, request: Request) -> Response:
        """Answer `GET api/board?annotator=`."""
        return JSONResponse(await asyncio.to_thread(self.review.show, self.labels.annotator(request)))

    async def item(self, request: Request) -> Response:
        """Answer `GET api/item?judge=&trace=`."""
        values = request.query_params
        found = await asyncio.to_thread(self.review.item, values.get("judge", ""), values.get("trace", ""))
        return JSONResponse(found)

    async def act(self, request: Request) -> Response:
        """Answer `POST api/{confirm, correct, undo, submit}` with the new board: what a 200 answers is on the disk."""
        return await self.labels.dispatch(request, self._actions)


def judges_page(bench: Workbench, service: LabellingService) -> Page:
    """Return the page of a home; corrections go through the labelling service."""
    endpoints = _Endpoints(JudgeReview(bench, service))
    return Page(
        name=NAME,
        title="Judges",
        template="evaluate/judges.html",
        scripts=("evaluate/judges.js", "annotate/conversation.js"),
        routes=[
            Route("/api/board", endpoints.board),
            Route("/api/item", endpoints.item),
            Route("/api/messages", endpoints.labels.messages),
            Route("/api/text", endpoints.labels.text),
            Route("/api/{action:str}", endpoints.act, methods=["POST"]),
        ],
        errors=ERRORS,
        prepare=endpoints.review.board,
    )
