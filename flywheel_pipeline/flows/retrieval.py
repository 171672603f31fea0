"""Measure a person's own retrieval under other settings, on train and dev cases whose needed documents are known."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flywheel_pipeline.adapters.apps import OwnRetrieval
from flywheel_pipeline.errors import EditError, HomeError, SettingsError
from flywheel_pipeline.flows.evaluate import active_cases
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.improve.retrieval_grid import MOST_SETTINGS, Found, Measured, combinations, measure_grid


def measure_retrieval(bench: Workbench) -> list[Measured]:
    """Return each combination of `app.retrieval.grid`, the first (that of today) first; no test case is asked.

    Raises:
        SettingsError: there is no such setting, the function cannot be imported, or there are too many combinations.
        HomeError: no case says which documents it needs.
        EditError: the retrieval failed on every case.
    """
    settings = bench.settings.app.retrieval
    if settings is None:
        raise SettingsError(
            "Name your retrieval in flywheel.yaml: `app: {retrieval: {function: my_app:retrieve, grid: {k: [5, 10]}}}`."
        )
    options = list(combinations(settings.grid))
    if len(options) > MOST_SETTINGS:
        raise SettingsError(
            f"app.retrieval.grid has {len(options):,} combinations; at most {MOST_SETTINGS} are measured."
        )
    cases = [(c, ids) for c in active_cases(bench) if c.split != "test" and (ids := _needed(c))]
    if not cases:
        raise HomeError(
            "No case of the train or dev split says which documents it needs: name them in a column `expected_doc_ids` "
            "of the label file."
        )
    retrieval = OwnRetrieval(settings.function, bench.settings.home, bench.settings.llm.timeout_seconds)
    found = retrieval.ask_all([(c.input, o) for o in options for c, _ in cases])
    n = len(cases)
    runs = [
        (o, [Found(c.case_id, c.family, ids, *found[i * n + k]) for k, (c, ids) in enumerate(cases)])
        for i, o in enumerate(options)
    ]
    if all(f.error for _, own in runs for f in own):
        raise EditError(f"The retrieval failed on every case; the first error: {runs[0][1][0].error}")
    return measure_grid(runs)


def _needed(case: GoldenCase) -> frozenset[str]:
    held = json.loads(case.expected_doc_ids or "[]")
    graded = [d for d, grade in held.items() if grade > 0] if isinstance(held, Mapping) else held
    return frozenset(map(str, graded))
