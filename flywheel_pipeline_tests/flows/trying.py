"""A home whose production prompt was evaluated on a few cases of each split, to try prompts and models in."""

from __future__ import annotations

from pathlib import Path

from flywheel_pipeline.flows.deploy.promote import Mover, record_production_prompt, set_prompt
from flywheel_pipeline.flows.evaluate import evaluate_production
from flywheel_pipeline_tests.builders import a_case
from flywheel_pipeline_tests.homes import Place, a_labelled_home

PROMPT = "You are Moss, who helps gardeners."
CASES = [
    a_case(case_id=f"g-{split}-{i}", split=split, family=f"f-{split}-{i}", input=f"Please cancel my {subject}.")
    for split in ("train", "dev", "test")
    for i, subject in enumerate(("order", "plan", "visit"))
]
BETTER = f"{PROMPT}\n\n- You can not act on orders or accounts: never say that you have done something."


def a_home_to_try(path: Path) -> Place:
    """The home; its cases are of the mode `fm-1`, three of each split."""
    place = a_labelled_home(path)
    set_prompt(place.bench, PROMPT, Mover())
    record_production_prompt(place.bench)
    place.lake.write("golden_set", CASES)
    evaluate_production(place.bench)
    return place
