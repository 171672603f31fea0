"""Create the demo's flywheel home."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

from flywheel_pipeline.adapters.home.files import EVALUATORS_FILE
from flywheel_pipeline.demo.record import APP
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.flows.home import init_home
from flywheel_pipeline.settings import SETTINGS_FILE, load_settings

DEMO_PARTS = (SETTINGS_FILE, EVALUATORS_FILE, "traces", "samples", "labels", "prompts")


def demo_home(home: Path | None) -> Path:
    """Return the demo's home, copied to `home` (default: that of the settings) where it is not there yet.

    Raises:
        HomeError: the home holds something else, or the demo's files are not part of this installation.
    """
    settings = load_settings(home)
    target = settings.home
    if (target / SETTINGS_FILE).exists():
        if settings.app.name != APP:
            raise HomeError(
                f"{target} is the home of {settings.app.name!r}; run `flywheel demo --home DIR` in another one."
            )
        return target
    if target.exists() and any(target.iterdir()):
        raise HomeError(
            f"{target} is not empty and not a flywheel home; run `flywheel demo --home DIR` in another one."
        )
    _copy_demo(target)
    return target


def _copy_demo(target: Path) -> None:
    package = Path(str(files("flywheel_pipeline")))
    source = next(
        (p for p in (package / "demo" / "home", package.parent / "data") if (p / SETTINGS_FILE).exists()),
        None,
    )
    if source is None:
        raise HomeError("This installation has no demo files: clone the repository and run `flywheel demo` there.")
    init_home(target)
    for name in DEMO_PARTS:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, dirs_exist_ok=True)
        else:
            shutil.copy(source / name, target / name)
