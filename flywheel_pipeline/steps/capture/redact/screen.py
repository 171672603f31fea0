"""One look that tells which texts need a second: regular expressions that find at least what the finders find.

They are of RE2's syntax, which has no looking around or back, so that one pass over a text is enough whatever stands
in it. They see JSON text, in which quotation marks and line ends are escaped, once or several times over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flywheel_pipeline.steps.capture.redact.secrets import NAMES, PREFIXES, SCHEMES, any_of

_GAP = r"""(?:[\\"'\s\x0b\x85\x{2028}\x{2029}]|\pZ|\\+[nrtfb]|\\+u[0-9a-fA-F]{4})"""
_SECRET = (
    rf"{any_of(PREFIXES)}[A-Za-z0-9_\-.+/=]{{10}}",
    r"-----BEGIN ",
    rf"(?i:{any_of(SCHEMES)})[ :]{{1,3}}[A-Za-z0-9_\-.=+/~]{{16}}",
    rf"(?i:{any_of(NAMES)}){_GAP}*(?:[:=]{{1,2}}|is{_GAP}+:?){_GAP}*[^\s\"'<>,;]{{6}}",
    r"://[^\s/@]*@",
)
_NUMBER = r"[0-9](?:[ ().\-/+]*[0-9]){8}"
PATTERNS: Mapping[str, tuple[str, ...]] = {
    "secret": _SECRET,
    "email": (r"[\pL\pN._%+\-]@[\pL\pN]",),
    "iban": (_NUMBER,),
    "card": (_NUMBER,),
    "phone": (_NUMBER,),
    "ip": (r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}", r"(?:[0-9A-Fa-f]{1,4}:){7}", r"[0-9A-Fa-f]::", r"::[0-9A-Fa-f]"),
}


def screening(kinds: Collection[str]) -> str:
    """Return the expression that is found in every text that holds one of `kinds`."""
    return "|".join(dict.fromkeys(p for kind in sorted(kinds) for p in PATTERNS[kind]))
