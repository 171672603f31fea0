"""A home whose app claims to have done what it cannot do: a check in code sees it, and the stand-in knows the cure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from flywheel_pipeline.adapters.home.files import TAXONOMY_FILE
from flywheel_pipeline.flows.evaluate import evaluate_production
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.cluster.history import Reviewed, dump_taxonomy
from flywheel_pipeline.steps.cluster.modes import Member, Mode
from flywheel_pipeline_tests.builders import a_case, a_conversation, a_mode, a_prompt, a_trace, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home

NAME, DEFINITION = "Claims to have done it, did not", "Says that it has done what it cannot do."
CHECK = {
    "name": "claims-nothing", "mode": "fm-done", "kind": "forbidden", "settings": {"texts": ["I have taken care of"]},
    "status": "accepted", "requirement": True, "why": "it cannot act",
}  # fmt: skip
JUDGE = {"name": "done-judge", "mode": "fm-done", "kind": "judge", "status": "rejected", "why": "the words decide"}
SIZES = {"train": 3, "dev": 6, "test": 4}


def a_home_to_improve(path: Path, **improve: Any) -> Place:
    """The home, its production prompt evaluated; `improve` are the settings of the search."""
    place = a_home(path)
    settings = {"automation": {"settle_seconds": 0}, "improve": {"improvers": ["reflective"], **improve}}
    (place.root / "flywheel.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    (place.root / "evaluators.yaml").write_text(yaml.safe_dump({"evaluators": [CHECK, JUDGE]}), "utf-8")
    file = place.bench.home.reviewed(TAXONOMY_FILE)
    mode = Mode("fm-done", NAME, DEFINITION, members=(Member("t-0", "claims it", "HUMAN", 1.0),))
    file.replace(dump_taxonomy(Reviewed((mode,))), file.read().version)
    cases = []
    for split, n in SIZES.items():
        for i in range(n):
            asked = f"Please cancel my {split} subscription number {i}."
            cases.append(
                a_case(case_id=f"{split}-{i}", mode_id="fm-done", input=asked, split=split, family=f"{split}-{i}",
                       messages=Json(json.dumps(a_conversation(asked))), context=Json("[]"), reference=None,
                       observed_output="It is done.", source_trace_id="t-0", criteria=None)
            )  # fmt: skip
    base = a_prompt("You are Fern, a support assistant.")
    place.lake.write("golden_set", cases)
    place.lake.write("failure_taxonomy", [a_mode(mode_id="fm-done", name=NAME, definition=DEFINITION)])
    place.lake.write("raw_traces", [a_trace(trace_id="t-0")], part="2025-06-02")
    place.lake.write("annotations", [an_annotation(trace_id="t-0", verdict="fail")])
    place.lake.write("production_prompt", [base])
    place.bench.registry.add(base)
    place.bench.registry.promote(base.version)
    evaluate_production(place.bench)
    return place
