"""What a label tells of the right answer, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_pipeline.steps.golden.evidence import corrected_answer, expected_documents

RETURNS = {"id": "returns-01", "title": "Returning a kit", "content": "Return the kit within 30 days after delivery."}
FROST = {"id": "frost-02", "title": "Frost", "content": "Take the probe inside before the first frost comes."}
BOTH = [RETURNS, FROST]


@pytest.mark.parametrize("column", ["corrected_answer", "Corrected answer", "ideal-answer", "Expected Output"])
def test_the_experts_own_answer_is_found_under_any_usual_name(column: str) -> None:
    assert corrected_answer({column: " Within 30 days. ", "notes": "x"}) == "Within 30 days."


@pytest.mark.parametrize("extra", [{}, {"notes": "x"}, {"corrected_answer": ""}, {"corrected_answer": None}])
def test_without_one_there_is_none(extra: dict[str, Any]) -> None:
    assert corrected_answer(extra) is None


@pytest.mark.parametrize(
    ("reference", "comment", "extra", "found"),
    [
        (None, "It is in frost-02.", {"expected_doc_ids": "a1; b2"}, ("a1", "b2")),
        (None, None, {"Expected documents": '["a1", "b2", "a1"]'}, ("a1", "b2")),
        (None, "It says so in frost-02!", {}, ("frost-02",)),
        ("See returns-01 for that.", None, {}, ("returns-01",)),
        ("As “Returning a kit” says: 30 days.", None, {}, ("returns-01",)),
        ("You can take the probe inside before the first snow.", None, {}, ("frost-02",)),
        ("Frost is no problem.", None, {}, ()),
        (None, "made up", {}, ()),
    ],
)
def test_documents_are_expected_on_evidence_only(
    reference: str | None, comment: str | None, extra: dict[str, Any], found: tuple[str, ...]
) -> None:
    assert expected_documents(BOTH, reference, comment, extra) == found


def test_the_only_document_of_a_good_answer_is_what_it_needs() -> None:
    assert expected_documents([FROST], "Yes.", None, {}) == ("frost-02",)
    assert expected_documents([FROST], None, None, {}) == ()


@pytest.mark.parametrize("documents", [[], [{"content": "no id"}], ["text"], [{"id": None}]])
def test_documents_without_an_id_are_no_evidence(documents: list[Any]) -> None:
    assert expected_documents(documents, "Yes.", "frost-02", {}) == ()
