"""The flywheel in Python, for notebooks and scripts.

    from flywheel_pipeline.flywheel import Flywheel

    fw = Flywheel("my-data")
    fw.run("capture")
    fw.table("failure_taxonomy")

A step runs without Dagster, and without the checks that stop a Dagster run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.annotate import collect_labels
from flywheel_pipeline.flows.capture import capture_traces
from flywheel_pipeline.flows.cells import evaluate_estimated
from flywheel_pipeline.flows.cluster.build import build_modes
from flywheel_pipeline.flows.deploy.health import compare_production
from flywheel_pipeline.flows.deploy.promote import record_production_prompt
from flywheel_pipeline.flows.golden.grow import grow_home
from flywheel_pipeline.flows.improve import find_candidate
from flywheel_pipeline.flows.plan import make_plan
from flywheel_pipeline.flows.production_rates import judge_and_estimate
from flywheel_pipeline.flows.sample import draw_batch
from flywheel_pipeline.flows.workbench import Workbench, utc_now
from flywheel_pipeline.records import TABLES


def _evaluate(bench: Workbench) -> None:
    """Evaluate the production prompt on the golden set, and production itself."""
    evaluate_estimated(bench)
    judge_and_estimate(bench)
    compare_production(bench)


def _improve(bench: Workbench) -> None:
    """Look for a better prompt, and name the lever of each failure mode."""
    find_candidate(bench)
    make_plan(bench)


STEPS: Mapping[str, Callable[[Workbench], Any]] = {
    "capture": capture_traces,
    "sample": draw_batch,
    "annotate": collect_labels,
    "cluster": build_modes,
    "golden": grow_home,
    "deploy": record_production_prompt,
    "evaluate": _evaluate,
    "improve": _improve,
}
"""The steps in the order of a turn; `deploy` records which prompt is in production."""


class Flywheel:
    """A flywheel home.

    Args:
        home: the folder; by default the one that `FLYWHEEL_HOME` names, else `data`.

    Raises:
        HomeError: there is no such folder; create one with `flywheel init`.
    """

    def __init__(self, home: Path | str | None = None) -> None:
        self._bench = Workbench.of(Path(home) if home is not None else None)

    @property
    def home(self) -> Path:
        """The folder."""
        return self._bench.settings.home

    def __repr__(self) -> str:
        return f"Flywheel({str(self.home)!r})"

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the lake, with the columns that its record declares.

        Raises:
            HomeError: there is no table of that name.
        """
        if name not in TABLES:
            raise HomeError(f"There is no table {name!r}; there are: {', '.join(TABLES)}")
        return self.sql(f"select * from {name}")

    def sql(self, query: str) -> pd.DataFrame:
        """Return the result of a DuckDB query over the tables.

        Raises:
            QueryError: DuckDB rejects the query.
        """
        return self._bench.lake.frame(query)

    def run(self, step: str | None = None) -> None:
        """Run one step, or all in the order of a turn; the results are in the tables.

        Raises:
            HomeError: there is no such step, or it lacks what an earlier one makes.
        """
        if step is not None and step not in STEPS:
            raise HomeError(f"There is no step {step!r}; there are: {', '.join(STEPS)}")
        bench = Workbench(self._bench.settings, turn_began=utc_now())
        for name, flow in STEPS.items():
            if step in (None, name):
                flow(bench)
