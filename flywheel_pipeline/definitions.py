"""Everything that Dagster loads for one flywheel home."""

import dagster as dg

from flywheel_pipeline.defs.build import build_flywheel
from flywheel_pipeline.defs.jobs import executor_of
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.settings import Settings, load_settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return the definitions of one flywheel home, as a code location of its own."""
    scope = Scope(settings)
    return dg.Definitions.merge(build_flywheel(scope), dg.Definitions(executor=executor_of(scope)))


@dg.definitions
def defs() -> dg.Definitions:
    """Load the home that `FLYWHEEL_HOME` names, `data` by default."""
    return build_definitions(load_settings())
