"""Everything that Dagster loads, in flywheel order, listed and not discovered."""

import dagster as dg

from flywheel_pipeline.defs.assets import build_assets
from flywheel_pipeline.defs.checks import build_checks
from flywheel_pipeline.defs.jobs import JOBS
from flywheel_pipeline.defs.processes import processes
from flywheel_pipeline.defs.resources import build_resources
from flywheel_pipeline.defs.schedules import build_schedules
from flywheel_pipeline.defs.sensors import build_sensors
from flywheel_pipeline.settings import Settings, load_settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return the definitions of one flywheel home."""
    parallel = settings.automation.executor == "multiprocess"
    return dg.Definitions(
        assets=build_assets(settings),
        asset_checks=build_checks(),
        jobs=JOBS,
        schedules=build_schedules(settings),
        sensors=build_sensors(settings),
        resources=build_resources(settings),
        executor=processes if parallel else dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Load the home that `FLYWHEEL_HOME` names, `data` by default."""
    return build_definitions(load_settings())
