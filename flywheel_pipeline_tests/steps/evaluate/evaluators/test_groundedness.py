"""The evaluator `groundedness`."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.evaluate.evaluators.groundedness import Groundedness
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline_tests.builders import a_case

DOCUMENTS = [
    {"id": "warranty", "title": "Warranty", "score": 250, "content": "The Hub has a warranty of 2 years. Water damage "
     "is not covered. Send the Hub to the workshop in Graz, and we repair it within 10 working days. "
     "Call 555-010-4411."},
    {"id": "prices", "content": "The Starter kit costs 189 euros and an extra Valve costs 39 euros. We accept Visa."},
]  # fmt: skip


def judged(output: str, *, retrieved: tuple[str, ...] = (), context: Any = DOCUMENTS, **values: Any) -> Judgement:
    case = a_case(context=Json(json.dumps(context)), input="Is my hub under warranty? My order is FW-77123.")
    return Groundedness(**values).check(case, Answer(output, retrieved_doc_ids=retrieved))


@pytest.mark.parametrize(
    ("output", "label"),
    [
        ("The warranty of the Hub is two years.", "pass"),
        ("Water damage isn't covered.", "pass"),
        ("Thanks for asking! We repair the Hub within 10 working days. Anything else?", "pass"),
        ("Your order FW-77123 is under warranty.", "pass"),
        ("The Hub has a warranty of 3 years.", "fail"),
        ("We repair the Hub within 10 days.", "fail"),
        ("Water damage is covered.", "fail"),
        ("We accept Visa and PayPal.", "fail"),
        ("Send it to Peter Huber.", "fail"),
        ("Call 555-010-4412.", "fail"),
        ("Order FW-99999 is under warranty.", "fail"),
        ("See https://lamps.example/x.", "fail"),
        ("The Hub has a warranty of 2 years. It costs 250 euros.", "fail"),
        ("Send it to the workshop in Linz.", "unsure"),
        ("The kit and a Valve cost 228 euros.", "unsure"),
        ("There are three ways to do it.", "unsure"),
        ("We mend broken devices quickly.", "unsure"),
        ("Hello! How can I help?", "unsure"),
        ("Thank you, the Hub is covered against water damage of any kind and by everybody else too.", "unsure"),
        ("Thanks, Visa and PayPal are accepted.", "fail"),
        ("I don't know that. Let me know if I can help.", "unsure"),
    ],
)
def test_what_no_document_has_fails_and_what_code_cannot_decide_is_unsure(output: str, label: str) -> None:
    assert judged(output).label == label


def test_the_sentence_and_the_fact_are_named_and_the_score_is_the_share_of_supported_sentences() -> None:
    found = judged("The Hub has a warranty of 2 years. The kit costs 198 euros.")
    assert found == Judgement("fail", 'no document has "198 euros": "The kit costs 198 euros."', 0.5)


def test_words_from_different_documents_do_not_add_up() -> None:
    assert judged("The workshop accepts a kit with a valve and damage.").label == "unsure"


def test_three_sentences_in_a_row_support_a_sentence_wherever_they_stand() -> None:
    guide = [
        {"id": "a", "content": "Open the lid. Rinse the filter. Dry the seal. Oil the hinge. Shut the valve. Wipe it."}
    ]
    assert judged("Oil the hinge, shut the valve and wipe it.", context=guide).label == "pass"
    assert judged("Open the lid, rinse, shut the valve, wipe.", context=guide).label == "unsure"


def test_what_only_the_user_wrote_counts_where_it_is_allowed_to() -> None:
    assert judged("Order FW-77123 is under warranty.", conversation_counts=False).label == "fail"


def test_without_documents_or_with_others_there_is_no_verdict() -> None:
    assert judged("Two years.", context=[]) == Judgement(None, "the case has no documents")
    assert judged("Two years.", context=[{"id": "a", "content": ""}]).label is None
    found = judged("The warranty of the Hub is two years.", retrieved=("warranty", "terms"))
    assert (found.label, found.broken) == (None, True)
    assert judged("The warranty of the Hub is two years.", retrieved=("warranty",)).label == "pass"


@pytest.mark.parametrize("output", ["A b. " * 4_000, "1 " * 10_000, "FW-1 " * 4_000, "\ud800{0}", "not " * 5_000])
def test_hostile_answers_and_documents_are_no_trouble(output: str) -> None:
    started = time.process_time()
    found = judged(output, context=[{"id": "a", "content": output * 4}, output, 7, None])
    assert found.label in ("pass", "fail", "unsure", None)
    assert time.process_time() - started < 5


def test_documents_that_are_too_long_are_no_verdict() -> None:
    assert judged("Two years.", context=["word " * 100_000]).broken
