"""The loss report: true of every case, whatever columns a case has."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.golden.exchange import LeftOut, Loss, export_cases
from flywheel_pipeline.steps.golden.exchange.format import Parsed
from flywheel_pipeline_tests.steps.golden.exchange.cases import BY_NAME, a_real_case

COVERS = (
    "steps/golden/exchange/__init__.py",
    "steps/golden/exchange/loss.py",
    "steps/golden/exchange/rows.py",
    "steps/golden/exchange/export.py",
)


def test_the_report_says_where_each_field_is() -> None:
    made = export_cases([a_real_case(reference="Yes.")], BY_NAME["inspect"])
    assert made.loss.where["reference"] == "target" and made.loss.where["family"] == "metadata"
    assert made.loss.where["criteria"] == "target and metadata"
    assert (made.loss.cases, made.loss.written, made.loss.left_out) == (1, 1, ())


def test_what_a_format_without_metadata_cannot_hold_is_lost_and_counted() -> None:
    cases = [a_real_case(input=f"Question {i}?", reference="Yes.", split="train", family="f-9") for i in range(3)]
    lost = export_cases([*cases[:2], replace(cases[2], criteria=None)], BY_NAME["openai-finetune"]).loss.lost
    assert Loss("criteria", 2, "openai-finetune has no place for them") in lost
    assert Loss("family", 3, "openai-finetune has no place for them") in lost


def test_only_answered_cases_of_the_train_split_are_written_for_fine_tuning() -> None:
    answered = {s: a_real_case(input=f"A {s} question?", reference="Yes.", split=s) for s in ("train", "dev", "test")}
    without = a_real_case(input="Unanswered?", reference=None, split="train")
    made = export_cases([*answered.values(), without], BY_NAME["openai-finetune"])
    assert made.loss.written == 1 and json.loads(made.data)["messages"][-1] == {"role": "assistant", "content": "Yes."}
    assert made.loss.left_out == (
        LeftOut("of the dev split, on which nothing may ever be trained", (answered["dev"].case_id,)),
        LeftOut("of the test split, on which nothing may ever be trained", (answered["test"].case_id,)),
        LeftOut("without a reference answer to learn", (without.case_id,)),
    )


def test_a_loss_is_measured_on_the_file_and_not_taken_from_what_a_format_says_of_itself() -> None:
    honest = BY_NAME["langfuse"]
    forgetful = replace(honest, write=lambda row, carry: honest.write(row, {**carry, "criteria": "x"}))
    lost = export_cases([a_real_case()], forgetful).loss.lost
    assert lost == (Loss("criteria", 1, "is not the same when it is read back"),)


def test_an_item_that_its_own_reader_refuses_is_lost_as_a_whole() -> None:
    def refused(item: Any, convert: Any) -> Any:
        if convert([]) == [] and "metadata" in item:
            raise ValueError("no")
        return Parsed({})

    lost = export_cases([a_real_case()], replace(BY_NAME["langfuse"], parse=refused)).loss.lost
    assert {x.what for x in lost} >= {"case_id", "messages", "input", "family"}


def test_a_number_that_json_does_not_know_becomes_null_and_is_reported() -> None:
    case = a_real_case(context=Json('[{"content": "x", "score": NaN}]'))
    for name in ("langfuse", "promptfoo", "csv"):
        made = export_cases([case], BY_NAME[name])
        assert b"NaN" not in made.data
        assert made.loss.lost == (Loss("context", 1, "NaN and infinite numbers are written as null"),)


def test_turns_that_deepeval_does_not_show_are_reported() -> None:
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Open?"},
    ]
    changed = export_cases([a_real_case(), a_real_case(turns)], BY_NAME["deepeval"]).loss.changed
    assert [(x.what, x.cases) for x in changed] == [("conversation", 1)]


def test_the_report_for_people_tells_everything_once() -> None:
    cases = [a_real_case(reference="Yes.", split="train", family="f-9"), a_real_case(input="Why?", split="test")]
    lines = export_cases(cases, BY_NAME["openai-finetune"]).loss.lines()
    assert lines[0] == "1 of 2 cases are written"
    (lost,) = [x for x in lines if x.startswith("lost: ")]
    assert lost.startswith("lost: case_id, kind, mode_id, criteria, observed_output, family, split, source_trace_id,")
    assert lost.endswith(" of 1 cases: openai-finetune has no place for them")
    assert lines[-1] == "left out: 1 cases of the test split, on which nothing may ever be trained"
    assert "nothing is lost" in export_cases(cases, BY_NAME["csv"]).loss.lines()
