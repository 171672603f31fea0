"""The evaluator `language`."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.language import Language
from flywheel_pipeline_tests.builders import a_case

ANSWERS = {
    "en": "You can send the lamp back within two weeks. We refund the price once it has arrived.",
    "de": "Sie können die Lampe innerhalb von zwei Wochen zurückschicken. Den Preis erstatten wir danach.",
    "fr": "Vous pouvez renvoyer la lampe dans les deux semaines. Nous remboursons ensuite le prix.",
    "es": "Puede devolver la lámpara en un plazo de dos semanas. Después le reembolsamos el precio.",
    "it": "Può restituire la lampada entro due settimane. Poi le rimborsiamo il prezzo.",
    "nl": "U kunt de lamp binnen twee weken terugsturen. Daarna betalen wij de prijs terug.",
    "pt": "Pode devolver o candeeiro no prazo de duas semanas. Depois reembolsamos o preço.",
    "pl": "Lampę można odesłać w ciągu dwóch tygodni. Potem zwrócimy pieniądze.",
    "sv": "Du kan skicka tillbaka lampan inom två veckor. Sedan betalar vi tillbaka priset.",
    "tr": "Lambayı iki hafta içinde geri gönderebilirsiniz. Ardından ücreti iade ederiz.",
    "ja": "ランプは二週間以内に返品できます。到着後に代金を返金します。",
    "zh": "您可以在两周内退回台灯，我们收到后会退款。",
    "ru": "Вы можете вернуть лампу в течение двух недель. Затем мы вернём деньги.",
    "ar": "يمكنك إعادة المصباح خلال أسبوعين، ثم نعيد لك الثمن.",
}


def judged(languages: Any, output: str, **case: Any) -> Judgement:
    return Language(languages=languages).check(a_case(**case), Answer(output))


@pytest.mark.parametrize("code", ANSWERS)
def test_two_sentences_pass_in_their_language_and_fail_in_every_other(code: str) -> None:
    assert judged((code,), ANSWERS[code]).label == "pass"
    for other in ANSWERS.keys() - {code}:
        assert judged((other,), ANSWERS[code]).label == "fail", other


def test_several_languages_may_be_right() -> None:
    assert judged(("de", "en"), ANSWERS["de"]).label == "pass"
    assert judged(("fr", "en"), ANSWERS["de"]).label == "fail"


@pytest.mark.parametrize("text", ["OK", "Hello!", "42", "FW-12345", "https://example.com/ein/langer/weg", "👍" * 40])
def test_what_is_too_short_to_know_is_unsure(text: str) -> None:
    assert judged(("de",), text).label == "unsure"


def test_closely_related_languages_are_never_a_fail() -> None:
    danish = "Kære kunde, du kan sende lampen tilbage inden for to uger. Derefter får du pengene tilbage af os."
    assert judged(("da",), danish).label == "pass"
    assert judged(("de",), danish).label == "fail"
    assert judged(("no",), danish).label == "unsure"


def test_code_and_links_do_not_count() -> None:
    code = "```python\nfor item in the_whole_list_of_items: print(item, 'is the one that was found')\n```"
    assert judged(("de",), f"{ANSWERS['de']}\n{code}\nhttps://example.com/the/long/way/to/the/page").label == "pass"


def test_the_language_of_the_question_is_what_an_answer_should_be_in() -> None:
    assert judged("question", ANSWERS["de"], input="Wie kann ich die Lampe zurückschicken?").label == "pass"
    assert judged("question", ANSWERS["en"], input="Wie kann ich die Lampe zurückschicken?").label == "fail"
    assert judged("question", ANSWERS["en"], input="Lampe?").label == "unsure"


@pytest.mark.parametrize("wrong", [("english",), ("xx",), (), "", ("EN",)])
def test_a_language_is_named_by_its_code(wrong: Any) -> None:
    with pytest.raises(ValueError, match="languages"):
        Language(languages=wrong)
