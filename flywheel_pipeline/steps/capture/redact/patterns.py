"""Where personal data stands in a text: each finder yields (start, end, canonical value).

Patterns are bounded and start only where a word starts, so that no text makes them slow. What a pattern finds is
checked where a check exists: Luhn for cards (ISO/IEC 7812), modulo 97 for IBANs (ISO 13616), `ipaddress` for addresses.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping

from flywheel_pipeline.steps.capture.redact.secrets import find_secrets

Found = tuple[int, int, str]

_DOMAIN = re.compile(r"(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.){1,6}[^\W\d_]{2,24}(?![\w\-])")
_NUMBER = re.compile(r"[+(\d][\d ().\-/+]{7,80}\d")
"""Where digits and their separators stand close: only there cards and telephone numbers are looked for."""
_CARD = re.compile(r"(?<![\w.\-+])\d(?:[ \-]?\d){12,18}(?![\w\-]|\.\d)")
_IBAN = re.compile(r"[A-Z](?<!\w[A-Z])[A-Z]\d{2}")
_IBAN_BODY = re.compile(r"[A-Z0-9]+")
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU XK", 21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST", 26: "IS TR", 27: "FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB PL SV",
        29: "BR EG PS QA UA", 30: "JO KW MU", 31: "MT SC", 32: "LC",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""The length of an IBAN of each country (SWIFT's IBAN registry)."""
_IPV4 = re.compile(r"(?<![\w.\-])(?:\d{1,3}\.){3}\d{1,3}(?![\w\-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_PHONES = (
    re.compile(r"(?<![\w+.])(?:\+|00)[1-9]\d{0,2}[ .\-/]?\(?\d{1,5}\)?(?:[ .\-/]?\d{2,5}){1,5}(?![\w]|[.:]\d)"),
    re.compile(r"(?<![\w\-.+/])(?:1[ .\-])?(?:\(\d{3}\) ?|\d{3}[ .\-])\d{3}[ .\-]\d{4}(?![\w\-]|[.:/]\d)"),
    re.compile(r"(?<![\w\-.+/:,])\(?0\d{1,5}\)?[ /\-]\d{2,8}(?:[ \-]\d{2,8}){0,4}(?![\w\-]|[.:/]\d)"),
)
_DATE = re.compile(r"\d{1,4}([\-/.])\d{1,2}\1\d{1,4}")
_VERSION = re.compile(r"(?i:\bv|\bver|version|release)[ .:]*$")
_CARD_PREFIX = re.compile(r"4|5[1-5]|2[2-7]|3[47]|3[0689]|6(?:011|4|5|2|7)|50|5[6-9]|35")
MIN_GROUPS = 3


def find_emails(text: str) -> Iterator[Found]:
    """Find e-mail addresses; they compare without case."""
    at = text.find("@", 1)
    while at >= 0:
        start = at
        while start and at - start < 64 and (text[start - 1].isalnum() or text[start - 1] in "._%+-"):
            start -= 1
        domain = _DOMAIN.match(text, at + 1) if start < at else None
        if domain:
            yield start, domain.end(), text[start : domain.end()].lower()
        at = text.find("@", at + 1)


def _in_numbers(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Find a pattern where numbers stand."""
    for number in _NUMBER.finditer(text):
        yield from pattern.finditer(text, number.start(), min(len(text), number.end() + 3))


def find_cards(text: str) -> Iterator[Found]:
    """Find payment card numbers: 13 to 19 digits with a known prefix that pass Luhn."""
    for m in _in_numbers(_CARD, text):
        digits = re.sub(r"\D", "", m.group())
        if _CARD_PREFIX.match(digits) and luhn(digits):
            yield m.start(), m.end(), digits


def luhn(digits: str) -> bool:
    """Return whether the check digit is right (ISO/IEC 7812-1, annex B)."""
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return len(set(digits)) > 1 and sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def find_ibans(text: str) -> Iterator[Found]:
    """Find IBANs: of the length that their country has, with right check digits."""
    for m in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(m.group()[:2], 0)
        places = [i for i in range(m.start(), min(len(text), m.start() + 45)) if text[i] != " "][:length]
        value = "".join(text[i] for i in places)
        if 0 < length == len(value) and _IBAN_BODY.fullmatch(value) and _modulo_97(value) == 1:
            yield m.start(), places[-1] + 1, value


def _modulo_97(value: str) -> int:
    return int("".join(str(int(c, 36)) for c in value[4:] + value[:4])) % 97


def find_ips(text: str) -> Iterator[Found]:
    """Find IPv4 and IPv6 addresses of others: not the loopback, not the unspecified, no version numbers."""
    for m in _IPV4.finditer(text):
        if _is_address(m.group()) and not _VERSION.search(text, max(0, m.start() - 12), m.start()):
            yield m.start(), m.end(), m.group()
    for m in _IPV6.finditer(text):
        groups = [g for g in m.group().split(":") if g]
        if len(groups) >= MIN_GROUPS and _is_address(m.group()):
            yield m.start(), m.end(), m.group().lower()


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def find_phones(text: str) -> Iterator[Found]:
    """Find telephone numbers: international, North American, and national ones that are written with separators."""
    for pattern in _PHONES:
        for m in _in_numbers(pattern, text):
            digits = re.sub(r"\D", "", m.group())
            least = 9 if pattern is _PHONES[2] else 8
            if least <= len(digits) <= 15 and not _DATE.search(m.group()):
                yield m.start(), m.end(), digits.removeprefix("00")


FINDERS: Mapping[str, Callable[[str], Iterator[Found]]] = {
    "secret": find_secrets,
    "email": find_emails,
    "iban": find_ibans,
    "card": find_cards,
    "ip": find_ips,
    "phone": find_phones,
}
