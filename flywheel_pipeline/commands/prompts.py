"""Which prompt is in production, changed by a person."""

from __future__ import annotations

from pathlib import Path

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.adapters.registry import Registry
from flywheel_pipeline.errors import HomeError
from flywheel_pipeline.records import PromptCandidate, PromptVersion
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline.steps.deploy import check_promotion


def set_prompt(home: Path | None, text: str) -> str:
    """Register a text and put it into production; returns its version.

    Raises:
        HomeError: the text is empty.
    """
    if not text.strip():
        raise HomeError("the prompt is empty")
    settings = load_settings(home)
    registry = Registry(settings.home / "prompts")
    version = PromptVersion.of(settings.app.prompt_name, text, None, "set by a person")
    registry.add(version)
    registry.promote(version.version)
    return version.version


def promote_candidate(home: Path | None, wanted: str | None) -> str:
    """Put the candidate `wanted` (or the only one that may ship) into production; returns its version.

    Raises:
        GateError: the gate does not let it ship; see `steps.deploy.check_promotion`.
    """
    root = load_settings(home).home
    registry, candidates = (
        Registry(root / "prompts"),
        Lake(root / "lake").read("prompt_candidate", PromptCandidate),
    )
    production = registry.production()
    chosen = check_promotion(candidates, wanted, production.version if production else None)
    registry.promote(chosen.candidate_id)
    return chosen.candidate_id


def roll_back(home: Path | None) -> str:
    """Put the previous production prompt back; returns its version."""
    return Registry(load_settings(home).home / "prompts").roll_back().version
