"""From a changed line to the expert's words: mode, cases, production traces."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from flywheel_pipeline.cli import main
from flywheel_pipeline.flows.deploy.why import explain_version, explained_lines, keep_reasons
from flywheel_pipeline.records import Json, PromptCandidate
from flywheel_pipeline.steps.golden import dump_case
from flywheel_pipeline_tests.builders import a_candidate, a_case, a_mode, a_prompt, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home

OLD = a_prompt("Be kind.")
NEW = a_prompt("Be kind.\n- Promise nothing.\n- Smile.", base_version=OLD.version, author="the improver")


def reasoned(*cases: str) -> PromptCandidate:
    row = {"line": "- Promise nothing.", "action": "added", "mode_id": "fm-1", "mode": "Old name", "cases": cases,
           "why": "It promised money."}  # fmt: skip
    return a_candidate(candidate_id=NEW.version, base_version=OLD.version, reasons=Json(json.dumps([row])))


def a_home_with_reasons(path: Path) -> Place:
    place = a_home(path)
    for prompt in (OLD, NEW):
        place.bench.registry.add(prompt)
    place.bench.registry.promote(OLD.version)
    place.append("golden/golden_set.jsonl", [dump_case(a_case(split="train"))])
    place.lake.write("annotations", [an_annotation(annotator="mira", comment="No such discount\x1b[2J exists.")])
    place.lake.write("failure_taxonomy", [a_mode(name="Invented a discount")])
    keep_reasons(place.bench, [reasoned("g-1", "g-gone")])
    return place


def test_a_line_leads_to_its_mode_its_cases_their_traces_and_the_experts_words(tmp_path: Path) -> None:
    place = a_home_with_reasons(tmp_path / "home")
    keep_reasons(place.bench, [reasoned("g-1", "g-gone")])  # the next run proposes the same again
    done = CliRunner().invoke(main, ["prompts", "why", NEW.version[:6], "--home", str(place.root)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        f"{NEW.version}, made from {OLD.version} by the improver: 2 lines differ, 1 without a recorded reason",
        "",
        "+ - Promise nothing.",
        "    failure mode  Invented a discount: It promised money.",
        "      g-1  trace t1  Is there a student discount?",
        "        mira: No such discount�[2J exists.",
        "      g-gone is not in the golden set any more",
        "",
        "+ - Smile.",
        "    no recorded reason",
    ]


def test_a_version_whose_base_is_gone_is_reported(tmp_path: Path) -> None:
    place = a_home_with_reasons(tmp_path / "home")
    (place.root / "prompts" / f"{OLD.version}.md").unlink()
    (line,) = explained_lines(explain_version(place.bench, NEW.version))
    assert line == f"{NEW.version} was made from {OLD.version}, which is not in prompts/ any more"


def test_a_first_version_was_made_from_nothing(tmp_path: Path) -> None:
    place = a_home_with_reasons(tmp_path / "home")
    found = explain_version(place.bench, "production")
    assert found.lines == () and explained_lines(found) == [f"{OLD.version} was made from no other version: for a test"]
