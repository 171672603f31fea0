"""Proposals wait for a person; a rejected one is not made again, an accepted one is done and in the history."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from flywheel_pipeline.errors import CorruptFileError, EditError
from flywheel_pipeline.steps.cluster.confirm import Opinion, confirm_proposals
from flywheel_pipeline.steps.cluster.modes import Mode, criterion_version, dump_modes, load_modes
from flywheel_pipeline.steps.cluster.proposals import (
    accept_proposal,
    apply_all,
    dump_proposals,
    find_proposal,
    load_proposals,
    reject_proposal,
    renew_proposals,
    with_tuned,
)
from flywheel_pipeline.steps.cluster.propose import ProposedChange
from flywheel_pipeline_tests.fakes import FakeLLM
from flywheel_pipeline_tests.steps.cluster.reviewed import MIRA, RUN, a_mode, known, members

COVERS = ("steps/cluster/confirm.py",)

BOTH = known(a_mode("rude", "r1", "r2", "r3"), a_mode("late", "l1"))
MERGE = ProposedChange("merge", ("late", "rude"), "Merge “LATE” into “RUDE”", "alike: 0.91", examples=("late", "rude"))
SPLIT = ProposedChange("split", ("rude",), "Split “RUDE”", "0.62", name="Shouts", traces=("r1", "gone"))
RENAME = ProposedChange("rename", ("rude",), "Rename", "3 of 3", name="Is impolite")
RETIRE = ProposedChange("retire", ("late",), "Retire", "0%")
ALL = [MERGE, SPLIT, RENAME, RETIRE]


def test_proposals_come_back_from_the_file_as_they_were_written() -> None:
    rejected = reject_proposal(ALL, MIRA, MERGE.proposal_id)
    text = yaml.safe_dump(dump_proposals(rejected), sort_keys=False, allow_unicode=True)
    assert load_proposals(yaml.safe_load(text)) == rejected
    assert load_proposals(None) == []


@pytest.mark.parametrize("content", [["p"], {"proposals": ["p"]}, {"proposals": [{"kind": "merge"}]}, {"proposals": 7}])
def test_a_broken_file_is_refused_and_says_what_to_do(content: object) -> None:
    with pytest.raises(CorruptFileError, match=r"proposals\.yaml has another shape"):
        load_proposals(content)


def test_a_rejected_proposal_is_not_made_again_whatever_its_numbers() -> None:
    before = reject_proposal(ALL, MIRA, MERGE.proposal_id)
    again = ProposedChange("merge", ("rude", "late"), "Merge “RUDE” into “LATE”", "alike: 0.99")
    kept = renew_proposals(before, [again, RETIRE])
    assert [(p.kind, p.status) for p in kept] == [("retire", "open"), ("merge", "rejected")]
    assert (kept[1].by, kept[1].at) == ("mira", MIRA.at)


def test_another_name_for_a_mode_is_another_proposal() -> None:
    before = reject_proposal(ALL, MIRA, RENAME.proposal_id)
    other = ProposedChange("rename", ("rude",), "Rename", "3 of 3", name="Shouts")
    assert renew_proposals(before, [RENAME, other])[0] == other


def test_what_has_no_evidence_any_more_is_not_open_any_more() -> None:
    assert renew_proposals(ALL, [RETIRE]) == [RETIRE]


def test_accepting_does_what_is_proposed_and_says_why() -> None:
    merged = accept_proposal(BOTH, MIRA, MERGE)
    assert members(merged) == {"rude": ["r1", "r2", "r3", "l1"], "late": []}
    assert merged.history[0].why == "proposed: alike: 0.91"
    assert accept_proposal(BOTH, MIRA, RENAME).mode("rude").name == "Is impolite"
    assert not accept_proposal(BOTH, MIRA, RETIRE).mode("late").is_live
    assert list(members(accept_proposal(BOTH, MIRA, SPLIT)).values())[-1] == ["r1"]


def test_what_cannot_be_done_any_more_is_refused() -> None:
    with pytest.raises(EditError, match="retired"):
        accept_proposal(accept_proposal(BOTH, MIRA, RETIRE), MIRA, MERGE)
    with pytest.raises(EditError, match="is gone"):
        accept_proposal(known(BOTH.modes[0]), MIRA, MERGE)
    with pytest.raises(EditError, match="no open proposal 'p-1'; open are: p-"):
        find_proposal(ALL, "p-1")
    with pytest.raises(EditError, match="open are: none"):
        find_proposal(reject_proposal([MERGE], MIRA, MERGE.proposal_id), MERGE.proposal_id)


def test_applying_all_leaves_the_rejected_and_those_that_a_model_doubts() -> None:
    (doubted,) = confirm_proposals([RENAME], BOTH, FakeLLM(lambda data: Opinion(agrees=False, reason="same")), "demo")
    rejected = reject_proposal([SPLIT], MIRA, SPLIT.proposal_id)
    done, left = apply_all(BOTH, RUN, [MERGE, RETIRE, doubted, *rejected])
    assert done.mode("late").merged_into == "rude" and left == [doubted, *rejected]
    assert [c.by for c in done.history] == ["flywheel"]


def test_a_model_says_yes_or_no_and_names_what_is_split_off() -> None:
    llm = FakeLLM(lambda data: Opinion(agrees=data["change"]["kind"] == "split", reason="It\nis.", name="Shouts at us"))
    merge, split = confirm_proposals([MERGE, SPLIT], BOTH, llm, "demo")
    assert (merge.model, merge.name) == ("no: It is.", "") and (split.model, split.name) == (
        "yes: It is.",
        "Shouts at us",
    )
    assert split.proposal_id == SPLIT.proposal_id
    assert {a.role for a in llm.asked} == {"taxonomy"}


def test_without_an_answer_a_proposal_stands_as_it_is() -> None:
    assert confirm_proposals(ALL, BOTH, FakeLLM(lambda data: "timeout"), "demo") == ALL


RUDE = BOTH.mode("rude")
TUNED = ProposedChange(
    "judge", ("rude",), "Change the judge of “RUDE”", "5/5", traces=("r1", "r3", "gone"), belongs="Irony.",
    guidance="Look for insults.", base=criterion_version(RUDE),
)  # fmt: skip


def test_a_criterion_for_a_judge_waits_until_a_person_accepts_it() -> None:
    """A run neither forgets it nor accepts it, even where it accepts everything else."""
    assert load_proposals(yaml.safe_load(yaml.safe_dump(dump_proposals([TUNED])))) == [TUNED]
    assert renew_proposals([MERGE, TUNED], [RETIRE]) == [RETIRE, TUNED]
    assert apply_all(BOTH, RUN, [TUNED]) == (BOTH, [TUNED])


def test_accepting_a_criterion_changes_the_mode_with_an_entry_for_each_text() -> None:
    after = accept_proposal(BOTH, MIRA, TUNED)
    mode = after.mode("rude")
    assert (mode.belongs, mode.does_not_belong, mode.judge_guidance) == ("Irony.", "", "Look for insults.")
    assert (mode.judge_examples, mode.judge_tuned) == (("r1", "r3"), True)
    assert [c.action for c in after.history] == ["inclusion changed", "judge guided", "judge tuned"]
    assert mode.members == RUDE.members and after.mode("late") == BOTH.mode("late")


def test_a_criterion_that_was_compared_with_another_one_is_refused() -> None:
    edited = accept_proposal(BOTH, MIRA, TUNED)
    with pytest.raises(EditError, match="has changed since"):
        accept_proposal(edited, MIRA, TUNED)


def test_one_criterion_waits_per_judge_and_a_rejected_one_is_not_proposed_again() -> None:
    other = ProposedChange("judge", ("rude",), "Another", "6/6", guidance="Read twice.", base=TUNED.base)
    assert with_tuned([MERGE, TUNED], other) == [MERGE, other]
    with pytest.raises(EditError, match="rejected before"):
        with_tuned(reject_proposal([TUNED], MIRA, TUNED.proposal_id), TUNED)


def test_what_a_judge_is_shown_is_written_to_the_file_and_read_again() -> None:
    mode = Mode("m", "M", judge_guidance="Read twice.", judge_examples=("a",), judge_tuned=True)
    text = yaml.safe_dump(dump_modes([mode]))
    assert load_modes(yaml.safe_load(text)) == [mode]
    assert "judge" not in yaml.safe_dump(dump_modes([Mode("m", "M")]))


def test_the_order_of_a_judges_verdict_and_critique_survives_the_file() -> None:
    change = ProposedChange("judge", ("fm-1",), "w", "y", guidance="g", verdict_first=True)
    (back,) = load_proposals(dump_proposals([change]))
    assert back == change and back.proposal_id != replace(change, verdict_first=False).proposal_id


def test_the_order_of_an_accepted_criterion_is_the_modes_and_is_written_to_its_file() -> None:
    mode = accept_proposal(BOTH, MIRA, replace(TUNED, verdict_first=True)).mode("rude")
    assert mode.judge_verdict_first and not RUDE.judge_verdict_first
    assert criterion_version(mode) != criterion_version(replace(mode, judge_verdict_first=False))
    (back,) = load_modes(yaml.safe_load(yaml.safe_dump(dump_modes([mode]))))
    assert back.judge_verdict_first
