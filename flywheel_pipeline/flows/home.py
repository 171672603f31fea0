"""Create a flywheel home."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from flywheel_pipeline.adapters.home.files import COMPUTED, FOLDERS
from flywheel_pipeline.settings import SETTINGS_FILE


def init_home(home: Path) -> None:
    """Create the folders of a home, and its `flywheel.yaml` if there is none; nothing is overwritten."""
    for folder in FOLDERS:
        (home / folder).mkdir(parents=True, exist_ok=True)
    if not (home / SETTINGS_FILE).exists():
        template = files(__package__).joinpath("flywheel.yaml").read_text(encoding="utf-8")
        (home / SETTINGS_FILE).write_text(template, encoding="utf-8")
    if not (home / ".gitignore").exists() and not (home.parent / ".gitignore").exists():
        (home / ".gitignore").write_text("".join(f"/{name}/\n" for name in COMPUTED), encoding="utf-8")
