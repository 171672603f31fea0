"""A flywheel as a Dagster component: one `defs.yaml` per app in anyone's Dagster project."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import dagster as dg
from dagster.components.component_scaffolding import scaffold_component

from flywheel_pipeline.defs.build import build_flywheel
from flywheel_pipeline.defs.scope import Scope
from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.flows.home import init_home
from flywheel_pipeline.settings import load_settings

HOMES = "flywheels"
"""Where scaffolding puts homes: outside the folder of definitions, whose Python files Dagster would load."""

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""What Dagster lets jobs, resources and pools be called."""


class FlywheelScaffolder(dg.Scaffolder):
    """Write `defs.yaml`, and create the flywheel home that it names."""

    def scaffold(self, request: dg.ScaffoldRequest) -> None:
        """Carry out `dg scaffold defs flywheel_pipeline.FlywheelComponent NAME`."""
        home = Path(HOMES) / request.target_path.name
        scaffold_component(request, {"home": home.as_posix()})
        init_home((request.project_root or Path.cwd()) / home)


def _described(description: str) -> dg.Resolver:
    return dg.Resolver.default(description=description)


def _asset_keys(_: dg.ResolutionContext, names: Sequence[str]) -> tuple[dg.AssetKey, ...]:
    return tuple(dg.AssetKey.from_user_string(name) for name in names)


@dg.scaffold_with(FlywheelScaffolder)
class FlywheelComponent(dg.Component, dg.Resolvable, dg.Model):
    """The data flywheel of one LLM application: production traces become a steadily better prompt.

    Asset keys begin with the app's name (`support_bot/raw_traces`); jobs, sensors, schedules, resources, asset groups
    and the pool of model calls are called `support_bot_…`. How the flywheel works is in `flywheel.yaml` of its home.
    """

    home: Annotated[str, _described("The flywheel home: a folder, relative to the root of the project.")]
    app: Annotated[
        str | None,
        _described("What the names of assets and jobs begin with; by default the name of the component's folder."),
    ] = None
    upstream: Annotated[
        tuple[dg.AssetKey, ...],
        dg.Resolver(
            _asset_keys,
            model_field_type=Sequence[str],
            description="Keys of assets of the project that export traces into `traces/` of the home.",
            examples=[["warehouse/support_logs"]],
        ),
    ] = ()
    owners: Annotated[
        Sequence[str], _described("Owners of all assets, for example `team:support`, instead of ours.")
    ] = ()
    pool: Annotated[
        str | None,
        _described(
            "The concurrency pool of steps that ask models; apps that name the same one share its limit. By default "
            "`<app>_models`."
        ),
    ] = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions of the app.

        Raises:
            SettingsError: the app's name is none that Dagster allows, or `flywheel.yaml` holds a wrong key or value.
        """
        app = self.app or context.path.name
        if not NAME.fullmatch(app):
            raise SettingsError(f"{app!r} cannot begin the names of jobs: use letters, digits and _, a letter first")
        settings = load_settings(context.project_root / self.home)
        return build_flywheel(Scope(settings, app, self.upstream, tuple(self.owners), self.pool))
