"""How people spell pass, fail and defer, and how they leave a cell blank: in several languages, marks and emoji."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

MAX_NAME = 200
"""Characters of a column's name by which it is recognised."""

_PASS = """
    pass passed passes passing p good great ok okay o.k. yes y true t 1 1.0 correct right acceptable accept accepted
    approve approved success successful valid thumbs_up thumbsup 👍 ✓ ✔ ✅ ☑ 🟢 +1 ○ 〇
    wahr ja j richtig korrekt gut bestanden in_ordnung i.o. vrai oui réussi bon conforme
    verdadero sí si correcto aprobado bien bueno vero sì corretto superato buono verdadeiro sim certo correto
    waar goed juist geslaagd sant sand rätt riktig riktigt godkänd godkänt godkendt godkjent
    prawda tak poprawne poprawnie dobrze pravda ano správně tosi kyllä oikein hyväksytty doğru evet geçti
    да верно истина правильно 对 是 真 通过 正确 合格 はい 正しい 正解 예 통과 맞음 합격
"""
_FAIL = """
    fail failed fails failing failure f bad poor no n false 0 0.0 wrong incorrect unacceptable reject rejected
    not_correct not_passed not_pass not_right not_ok nok not_good not_acceptable invalid thumbs_down thumbsdown
    👎 ✗ ✘ ✖ ❌ 🔴 -1
    falsch nein inkorrekt schlecht durchgefallen nicht_bestanden nicht_in_ordnung n.i.o. faux non échoué échec mauvais
    incorrecto falso malo mal suspenso sbagliato scorretto errato incorreto errado ruim não
    onwaar nee fout slecht onjuist gezakt falskt fel felaktigt nej nei underkänd feil forkert
    fałsz nie źle niepoprawne nepravda ne špatně epätosi ei väärin hylätty yanlış hayır kaldı
    нет ложь неверно неправильно 错 否 假 不通过 错误 不正确 不合格 いいえ 間違い 不正解 아니요 아니오 불합격 틀림
"""
_DEFER = "defer deferred skip skipped unsure later not_sure undecided unclear unsicher später incertain ⏭"

_BLANK = frozenset(
    ("", "null", "none", "nil", "nan", "n/a", "n.a", "na", "#n/a", "undefined", "<na>", "(none)", "(null)")
)
_ERRORS = frozenset(("#name?", "#ref!", "#value!", "#div/0!", "#null!", "#num!"))
"""What a spreadsheet shows where a formula cannot be calculated, for example for a comment that begins with `=`."""
_EDGES = " .,;:!\"'`´‘’“”„«»*_()[]{}<>|/\\~"


def tidy(name: object) -> str:
    """Return a column's name in lower case, with its words joined by `_`."""
    return _tidied(str(name)[:MAX_NAME])


def bare_key(name: object) -> str:
    """Return a column's name in lower case, without spaces and punctuation."""
    return _tidied(str(name)[:MAX_NAME]).replace("_", "")


@lru_cache(maxsize=2048)
def _tidied(name: str) -> str:
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", _folded(name, keep_case=True)).casefold()
    return re.sub(r"[\W_]+", "_", text).strip("_")


def plain_text(value: object) -> str:
    """Return a value as text: NFKC, without invisible characters, spaces collapsed, in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(_folded(str("" if value is None else value)).split())


def _folded(text: str, keep_case: bool = False) -> str:
    """Return NFKC text without zero-width characters, variation selectors and the skin tones of emoji."""
    if text.isascii() and text.isprintable():
        return text if keep_case else text.casefold()
    kept = "".join(c for c in unicodedata.normalize("NFKC", text) if not _unseen(c))
    return kept if keep_case else kept.casefold()


def _unseen(c: str) -> bool:
    return (
        unicodedata.category(c) in ("Cf", "Cc") and not c.isspace()
    ) or "\ufe00" <= c <= "\ufe0f" or "\U0001f3fb" <= c <= "\U0001f3ff"  # fmt: skip


def _bare(text: str) -> str:
    """Return a word without punctuation around it, `_` and `-` within it as spaces; a lone mark stays."""
    return " ".join(re.sub(r"(?<=\w)[_-](?=\w)", " ", text.strip(_EDGES)).split()) or text


def _words(listed: str, verdict: str) -> Mapping[str, str]:
    return {_bare(plain_text(word.replace("_", " "))): verdict for word in listed.split()}


VERDICT_WORDS: Mapping[str, str] = {**_words(_PASS, "pass"), **_words(_FAIL, "fail"), **_words(_DEFER, "defer")}
"""{a word as `verdict_of` compares it: the verdict}."""


def verdict_of(value: object) -> str | None:
    """Return the verdict that a cell states, None where it states none that is understood."""
    text = plain_text(value)
    if len(text) > MAX_NAME:
        return None
    if re.fullmatch(r"[01][.,]0{1,6}", text):
        return "pass" if text[0] == "1" else "fail"
    return VERDICT_WORDS.get(text) or VERDICT_WORDS.get(_bare(text)) or _marked(text)


def _marked(text: str) -> str | None:
    """Return the verdict of a word with a mark of the same meaning beside it, such as `✅ pass`."""
    marks = [part for part in text.split() if not any(c.isalnum() for c in part)]
    if len(marks) != 1 or text == marks[0]:
        return None
    word = " ".join(part for part in text.split() if part not in marks)
    verdict = VERDICT_WORDS.get(_bare(word))
    return verdict if VERDICT_WORDS.get(marks[0]) == verdict else None


def number_of(value: object) -> float | None:
    """Return the finite number in a cell, None where it holds something else; a truth value is no number."""
    text = plain_text(value)
    return float(text) if re.fullmatch(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})(e[+-]?\d{1,2})?", text) else None


def is_blank(value: object) -> bool:
    """Return whether a cell says nothing: empty, a dash, `null`, `None`, `n/a`, or a spreadsheet's error."""
    text = plain_text(str("" if value is None else value).strip()[:60])
    return text in _BLANK or text in _ERRORS or text.rstrip(".") in _BLANK or not re.sub(r"[-–—―_./\\\s…]", "", text)


def is_spreadsheet_error(value: object) -> bool:
    """Return whether a cell holds the error of a formula."""
    return plain_text(value) in _ERRORS
