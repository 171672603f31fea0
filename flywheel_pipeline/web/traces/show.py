"""The list of traces, its counts, and one trace, as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from flywheel_pipeline.flows.traces.browse import Facets, Page, list_traces
from flywheel_pipeline.flows.traces.detail import describe_session, know_trace
from flywheel_pipeline.flows.traces.filters import Filters
from flywheel_pipeline.flows.traces.similar import LEAST, Similar
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureMode
from flywheel_pipeline.web.annotate.service import LabellingService
from flywheel_pipeline.web.templates import render
from flywheel_pipeline.words import count, first_line

WIDTH, HEIGHT, MOST_DAYS = 720, 60, 366
"""Pixels of the histogram, and days that it shows at most."""
NEAREST = 5
"""Similar traces that are named beside a trace."""


def show_list(bench: Workbench, page: Page, similar: Similar | None = None) -> dict[str, Any]:
    """Return a page of the list: {html, n, next, note}; the note says what similar traces are."""
    found = similar.found if similar else {}
    html = render("traces/rows.html", traces=page.traces, modes=_modes(bench), first_line=first_line, similar=found)
    return {"html": html, "n": len(page.traces), "next": page.next, "note": _describe(similar) if similar else ""}


def show_similar(bench: Workbench, similar: Similar) -> dict[str, Any]:
    """Return the most similar traces of one: {html}."""
    nearest = list(similar.found)[:NEAREST]
    traces = list_traces(bench, Filters(among=nearest)).traces if nearest else []
    values = {"traces": traces, "modes": _modes(bench), "first_line": first_line, "nothing": _describe(similar)}
    return {"html": render("traces/similar.html", similar=similar, **values)}


def _describe(similar: Similar) -> str:
    if not similar.has_terms:
        return "Its question has no words that could be compared."
    if not similar.found:
        return f"No other trace has a similar question (similarity of at least {LEAST})."
    n = f"The {len(similar.found)} most similar" if similar.is_cut else count(len(similar.found), "trace")
    return (
        f"{n} with a question like “{first_line(similar.question, 120)}”, the most similar first, from {LEAST} on. "
        "Similarity is 1 for the same words; rare words count more, and endings, numbers and common words do not count."
    )


def show_facets(bench: Workbench, facets: Facets) -> dict[str, Any]:
    """Return the counts: {n, values: {facet: [[value, name, traces]]}, histogram: HTML}."""
    names = _modes(bench)
    values = {
        facet: [[value, names.get(value, value) if facet == "mode" else value, n] for value, n in counted.items()]
        for facet, counted in facets.values.items()
    }
    return {"n": facets.n, "values": values, "histogram": render("traces/histogram.html", **_bars(facets.days))}


def _bars(days: Mapping[date, int]) -> dict[str, Any]:
    """Return the bars of a histogram, one per day from the first to the last day with traces, the newest ones."""
    last = max(days, default=date.min)
    first = max(min(days, default=last), last - timedelta(days=min(MOST_DAYS - 1, last.toordinal() - 1)))
    listed = [first + timedelta(days=k) for k in range((last - first).days + 1)] if days else []
    most, step = max(days.values(), default=1), WIDTH / max(len(listed), 1)
    bars = [
        {"day": day, "n": days.get(day, 0), "x": round(k * step, 2), "height": _height(days.get(day, 0), most)}
        for k, day in enumerate(listed)
    ]
    return {"bars": bars, "bar": round(max(step * 0.8, 0.5), 2), "width": WIDTH, "height": HEIGHT, "most": most}


def _height(n: int, most: int) -> float:
    return max(2.0, round(HEIGHT * n / most, 1)) if n else 0.0


def show_trace(bench: Workbench, service: LabellingService, annotator: str, trace_id: str) -> dict[str, Any]:
    """Return a trace with its conversation, the annotator's label, and what is known about it.

    Raises:
        NotThereError: no captured trace has the id.
    """
    item = service.open(annotator, trace_id)
    trace = service.conversations.trace(trace_id)
    known = know_trace(bench, trace_id, trace.session_id, trace.prompt_version)
    session = describe_session(known.session, trace_id)
    return {
        **item,
        "about": render("traces/known.html", trace=trace, known=known, session=session, item=item),
        "before": session["before"],
        "after": session["after"],
        "modes": list(known.modes.items()),
        "judged": any(a.is_current and a.verdict in ("pass", "fail") for a in known.verdicts),
        "documents": _documents(service, trace_id),
    }


def _documents(service: LabellingService, trace_id: str) -> list[str]:
    found = service.conversations.conversation(trace_id).documents
    return [str(d["id"])[:200] for d in found if d.get("id") not in (None, "")]


def _modes(bench: Workbench) -> dict[str, str]:
    return {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}
