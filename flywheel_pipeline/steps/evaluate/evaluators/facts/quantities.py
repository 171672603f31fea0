"""The quantities of a text, comparable however they are written: numbers with units, money, dates and times of day.

Units are English words and international symbols. A number before any other word keeps the beginning of that word as
its unit, so that "30 Tage" and "90 Tagen" differ, and "2 Wochen" and "14 Tage" are not compared.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

_ONES = {w: n for n, w in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen".split()
)}  # fmt: skip
_TENS = {w: 10 * n for n, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_SCALES = {"hundred": 100.0, "thousand": 1_000.0, "million": 1e6, "billion": 1e9, "k": 1_000.0}
MONTHS = {m: n for n, names in enumerate(
    "january jan,february feb,march mar,april apr,may,june jun,july jul,august aug,september sept sep,october oct,"
    "november nov,december dec".split(","), 1
) for m in names.split()}  # fmt: skip
UNITS: dict[str, tuple[str, float]] = {
    name: (dimension, factor)
    for dimension, factor, names in (
        ("hours", 1 / 3600, "s sec secs second seconds"), ("hours", 1 / 60, "min mins minute minutes"),
        ("hours", 1, "h hr hrs hour hours"), ("hours", 24, "day days"), ("hours", 168, "week weeks"),
        ("months", 1, "month months"), ("months", 12, "year years"), ("percent", 1, "% percent"),
        ("euros", 1, "€ eur euro euros"), ("dollars", 1, "$ usd dollar dollars"), ("pounds sterling", 1, "£ gbp"),
        ("francs", 1, "chf"), ("yen", 1, "¥ jpy yen"), ("cents", 1, "cent cents"),
        ("metres", 0.001, "mm"), ("metres", 0.01, "cm"), ("metres", 1, "m metre metres meter meters"),
        ("metres", 1000, "km kilometre kilometres kilometer kilometers"), ("grams", 0.001, "mg"),
        ("grams", 1, "g gram grams"), ("grams", 1000, "kg kilo kilos kilogram kilograms"),
        ("litres", 0.001, "ml"), ("litres", 1, "l litre litres liter liters"),
        ("megabytes", 0.001, "kb"), ("megabytes", 1, "mb"), ("gigabytes", 1, "gb"), ("gigabytes", 1000, "tb"),
        ("megahertz", 1, "mhz"), ("megahertz", 1000, "ghz"), ("watts", 1, "w watt watts"), ("watts", 1000, "kw"),
        ("volts", 1, "v volt volts"), ("year", 1, "in-the-year"),
        ("degrees celsius", 1, "°c"), ("degrees fahrenheit", 1, "°f"),
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(MONTHS)
_WORD = "|".join([*_TENS, *_ONES, "hundred", "thousand", "million", "billion"])
_DIGITS = r"\d{1,3}(?:[,.'’ ]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d+)?"
_TOKEN = re.compile(
    rf"""
    \b(?P<y>\d{{4}})-(?P<mo>\d\d)-(?P<d>\d\d)\b
    | \b(?P<a>\d{{1,2}})[/.](?P<b>\d{{1,2}})[/.](?P<y2>\d{{4}})\b
    | \b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})\b\.?(?:,?\s+(?P<year>\d{{4}})\b)?
    | \b(?P<month2>{_MONTH})\b\.?\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b(?![:.]?\d)(?:,?\s+(?P<year2>\d{{4}})\b)?
    | \b(?:in|since|until|till|by|from|next|last|of|and|or)\s+(?P<month3>{_MONTH})\b
    | \b(?P<hour>\d{{1,2}})(?:[:.](?P<minute>\d\d))?\s*(?P<half>[ap])\.?m\b\.?
    | \b(?P<hour2>[01]?\d|2[0-4]):(?P<minute2>[0-5]\d)\b
    | (?P<code>\b\d+(?:\.\d+){{2,}}\b|\b\d{{3,}}(?:-\d{{2,}}){{2,}}\b)
    | (?:(?P<symbol>[€$£¥])\s?)?(?<![\w.,+])(?<![^\W\d_]-)(?P<digits>{_DIGITS})(?P<suffix>[a-z]{{1,3}}\b)?(?![\w])
      (?:[\s-]*(?P<scale>hundred|thousand|million|billion)\b)?
    | \b(?P<words>(?:{_WORD})(?:(?:\s+and\s+|[\s-]+)(?:{_WORD}))*)\b
    """,
    re.I | re.X,
)
_UNIT = re.compile(
    r"(?:[\s\u00a0-]*(?:more|full|whole|consecutive|calendar|additional|extra)\b)?"
    r"(?P<business>[\s\u00a0-]*(?:working|business)\b)?"
    r"[\s\u00a0-]*(?P<unit>[%€$£¥]|°[cf]\b|per\s?cent\b|[^\W\d_]+)",
    re.I,
)
_JOINED = re.compile(r"\s*(?:[-–—/,]|to|or|and|until|bis|oder|und)\s*(?:(?:or|and|oder|und)\s+)?", re.I)
_YEAR = "in-the-year"
"""The unit of a number that is a year, as in "in 2026"."""
_IN = re.compile(rf"\b(?:in|since|year|until|till|by|from|of|before|after|{_MONTH}),?\s+$", re.I)
_LIST_MARK = re.compile(r"^[ \t]*(?:\d{1,3}[.)]|step \d{1,3}[:.])\s+", re.M | re.I)


@dataclass(frozen=True)
class Quantity:
    """A quantity of a text: `values` are what it may be, several where "1.000" is a thousand or one."""

    unit: str
    values: frozenset[float | str]
    text: str

    def equals(self, other: Quantity) -> bool:
        """Return whether two quantities are the same."""
        return self.unit == other.unit and bool(self.values & other.values)


@dataclass(frozen=True)
class _Number:
    """A number as it stands in a text, from `start` to `end`, and the word that is its unit, if one follows."""

    values: tuple[float, ...]
    unit: str
    start: int
    end: int
    text: str
    business: bool = False


def quantities(text: str) -> list[Quantity]:
    """Return the quantities of a text, those that are no plain numbers first; numbers of list items are none."""
    plain = unicodedata.normalize("NFKC", _LIST_MARK.sub("", text)).replace("*", "").replace("`", "")
    found: list[Quantity] = []
    numbers: list[_Number] = []
    for match in _TOKEN.finditer(plain):
        calendar = _calendar(match)
        found += calendar
        number = None if calendar or match["code"] else _number(match, plain)
        numbers += [number] if number else []
    return [*found, *(_quantity(n) for n in _with_shared_units(numbers, plain))]


def _calendar(match: re.Match[str]) -> list[Quantity]:
    """Return the date, with its year apart, or the time of day that a match is; nothing for a number."""
    held, text = match.groupdict(), match[0].strip()
    day, month, year = held["d"] or held["day"] or held["day2"], held["month"] or held["month2"], None
    if held["mo"]:
        dates, year = {f"{held['mo']}-{held['d']}"}, held["y"]
    elif held["a"]:
        a, b = int(held["a"]), int(held["b"])
        dates, year = {f"{m:02}-{d:02}" for d, m in ((a, b), (b, a)) if 1 <= m <= 12 and 1 <= d <= 31}, held["y2"]
    elif month:
        dates, year = {f"{MONTHS[month.lower()]:02}-{int(day or 0):02}"}, held["year"] or held["year2"]
    elif held["month3"]:
        return [Quantity("month of the year", frozenset({float(MONTHS[held["month3"].lower()])}), held["month3"])]
    elif held["half"] or held["hour2"]:
        hour = int(held["hour2"] or held["hour"])
        hour = hour % 12 + 12 * (held["half"].lower() == "p") if held["half"] else hour
        return [Quantity("time of day", frozenset({f"{hour:02}:{held['minute2'] or held['minute'] or '00'}"}), text)]
    else:
        return []
    years = [Quantity("year", frozenset({float(year)}), year)] if year else []
    return [Quantity("date", frozenset(dates), text), *years]


def _number(match: re.Match[str], text: str) -> _Number | None:
    held, end = match.groupdict(), match.end()
    if held["words"]:
        values: tuple[float, ...] = (_of_words(held["words"].lower()),)
    else:
        scale = _SCALES.get((held["scale"] or "").lower(), 1.0)
        values = tuple(v * scale for v in _of_digits(held["digits"]))
    unit, business = held["symbol"] or "", False
    suffix = held["suffix"] or ""
    if suffix == "k":
        values = tuple(1_000 * v for v in values)
    elif suffix:
        unit = "th" if suffix.lower() in ("st", "nd", "rd", "th") else suffix.lower()
        if suffix in ("G", "M", "L", "S", "H") or (unit != "th" and unit not in UNITS):
            return None  # part of a name, such as 4x or 5G
    following = None if unit else _UNIT.match(text, end)
    if following:
        unit, business = re.sub("^per ?cent$", "%", following["unit"].lower()), bool(following["business"])
        end = following.end() if unit in UNITS else end
    if (
        unit not in UNITS
        and re.fullmatch(r"(?:19|20)\d\d", held["digits"] or "")
        and _IN.search(text[max(0, match.start() - 20) : match.start()])
    ):
        unit = _YEAR
    if (held["words"] or "").lower() in ("one", "zero") and unit not in UNITS:
        return None  # "one of them" counts nothing
    return _Number(values, unit, match.start(), end, text[match.start() : end].strip(), business)


def _of_digits(digits: str) -> tuple[float, ...]:
    """Return what a number in digits may be: "1,000" and "1.000" are a thousand or one."""
    marks = [c for c in digits if not c.isdigit()]
    bare = re.sub(r"\D", "", digits)[:300]
    if not marks:
        return (float(bare),)
    last = digits.rindex(marks[-1])
    decimal = float(f"{re.sub(r'[^0-9]', '', digits[:last])[:300]}.{digits[last + 1 :][:20]}")
    if len(digits) - last - 1 != 3:
        return (decimal,)
    if len(marks) > 1 and len(set(marks)) == 1:
        return (float(bare),)
    return (decimal,) if len(marks) > 1 else (float(bare), decimal) if marks[0] in ",." else (float(bare),)


def _of_words(words: str) -> float:
    total, current = 0.0, 0.0
    for word in re.split(r"[\s-]+", words):
        if word in _SCALES:
            current = (current or 1) * _SCALES[word]
            total, current = (total + current, 0.0) if word != "hundred" else (total, current)
        elif word != "and":
            current += _ONES.get(word, _TENS.get(word, 0))
    return total + current


def _with_shared_units(numbers: Sequence[_Number], text: str) -> list[_Number]:
    """Return the numbers; one that is joined to the next, as 3 in "3 to 5 days", shares its unit."""
    shared: list[_Number] = []
    for number in reversed(numbers):
        following = shared[-1] if shared else None
        if following and number.unit not in UNITS and _JOINED.fullmatch(text, number.end, following.start):
            number = replace(number, unit=following.unit, business=following.business)
        shared.append(number)
    return shared[::-1]


def _quantity(number: _Number) -> Quantity:
    dimension, factor = UNITS.get(number.unit, (f"before {number.unit[:4]}" if number.unit else "", 1.0))
    if number.business:
        dimension, factor = f"business {number.unit.rstrip('s')}s", 1.0
    return Quantity(dimension, frozenset(round(v * factor, 6) for v in number.values), number.text)
