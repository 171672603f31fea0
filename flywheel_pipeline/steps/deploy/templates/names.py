"""Names for the variables of a mined template, from the words beside them and from what their values look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

TAG = re.compile(r"<([A-Za-z][\w-]{0,40})[^<>]*>\s*$")
NO_NAMES = frozenset(
    "a an the of for to in on at by with from is are was were be this that these those and or as it its your you our "
    "we they their his her who which named called following".split()
)
LONGEST = 3
"""Words of a name."""
SHAPES: Mapping[str, re.Pattern[str]] = {
    "date": re.compile(
        r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\w+,? \d{1,2}(?:st|nd|rd|th)?,? \d{4}|\d{1,2} \w+ \d{4}"
    ),
    "time": re.compile(r"\d{1,2}:\d\d(?::\d\d)?(?: ?[APap]\.?[Mm]\.?)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*"),
    "email": re.compile(r"[^\s@]+@[^\s@]+\.\w+"),
    "url": re.compile(r"https?://\S+"),
    "number": re.compile(r"[+-]?\d+(?:[.,]\d+)*"),
}


def name_variables(literals: Sequence[str], values: Sequence[Sequence[str]]) -> list[str]:
    """Return a name for each gap between two literals; gaps whose values are the same in every prompt share one.

    By the label before it ("Customer name: "), the tag around it, the shape of its values (a date, a number), the
    last telling word before it, in this order; a name that is taken gets a number.
    """
    found: list[str] = []
    taken: dict[tuple[str, ...], str] = {}
    for before, own in zip(literals, values, strict=False):
        key = tuple(own)
        if key not in taken:
            taken[key] = _free(_name(before, own), set(taken.values()))
        found.append(taken[key])
    return found


def _name(before: str, values: Sequence[str]) -> str:
    ways: tuple[Callable[[], str], ...] = (
        lambda: _of_tag(before), lambda: _of_label(before), lambda: _of_shape(values), lambda: _of_word(before),
    )  # fmt: skip
    return next((name for way in ways if (name := way())), "value")


def _line(before: str) -> str:
    """Return the last line before a gap that says something."""
    return next((line for line in reversed(before.splitlines()) if line.strip()), "")[-200:]


def _of_tag(before: str) -> str:
    found = TAG.search(before[-200:])
    return _slug([found[1]]) if found else ""


def _of_label(before: str) -> str:
    line = _line(before).strip()
    if not line.endswith((":", "=", ': "', ":'", '="', ": [", ": (", "**")) and not line.startswith("#"):
        return ""
    label = line.strip("#*-•:= \"'([_`").rpartition(".")[2].rpartition(",")[2]
    return _slug([w for w in re.findall(r"\w+", label) if w.lower() not in NO_NAMES][-LONGEST:])


def _of_shape(values: Sequence[str]) -> str:
    seen = [v for v in values if v]
    return next((name for name, shape in SHAPES.items() if seen and all(map(shape.fullmatch, seen))), "")


def _of_word(before: str) -> str:
    words = [w for w in re.findall(r"[^\W\d]\w*", _line(before)) if w.lower() not in NO_NAMES]
    return _slug(words[-1:])


def _slug(words: Sequence[str]) -> str:
    made = re.sub(r"\W+", "_", "_".join(words).lower(), flags=re.ASCII).strip("_")[:40]
    return f"value_{made}" if made[:1].isdigit() else made


def _free(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free
