"""A comparison as one HTML file: no script, nothing loaded from elsewhere, every value escaped."""

from __future__ import annotations

from importlib.resources import files

from markupsafe import Markup

from flywheel_pipeline.flows.case_details import read_details
from flywheel_pipeline.flows.compare import Compared
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.steps.evaluate import quality_of_change
from flywheel_pipeline.steps.evaluate.case_change import PASSES
from flywheel_pipeline.web.evaluate.views import show_case, show_evaluators
from flywheel_pipeline.web.templates import render
from flywheel_pipeline.words import first_line

SHOWN = 200
"""Cases that are shown whole; those that pass in both versions are only counted."""


def render_report(bench: Workbench, compared: Compared) -> str:
    """Return the file: rates with intervals, and the first cases, worst first."""
    found = compared.found
    wanted = [c for c in found.cases if c.outcome() != PASSES]
    details = read_details(bench, compared, [c.case_id for c in wanted[:SHOWN]])
    cases = [
        {**show_case(details[c.case_id], c, compared), "question": first_line(details[c.case_id].case.input)}
        for c in wanted[:SHOWN]
        if c.case_id in details
    ]
    style = files("flywheel_pipeline.web").joinpath("style.css").read_text(encoding="utf-8")
    return render(
        "evaluate/report.html", before=str(compared.before), after=str(compared.after), n_cases=len(found.cases),
        counts=found.counts(), quality=str(quality_of_change(found, compared.approved)), notes=compared.notes,
        production=compared.production,
        rates=[str(r) for r in found.rates] if found.rates else None, rows=show_evaluators(compared), cases=cases,
        n_more=max(0, len(wanted) - SHOWN), style=Markup(style),
    )  # fmt: skip
