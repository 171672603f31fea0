"""One look that tells which texts need a second: regular expressions that find at least what the finders find.

They are of RE2's syntax, which has no looking around or back, so that one pass over a text is enough whatever stands
in it. They see JSON text, in which quotation marks and line ends are escaped, once or several times over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

_GAP = r"""(?:[\\"'\s\x0b\x85\x{2028}\x{2029}]|\pZ|\\+[nrtfb]|\\+u[0-9a-fA-F]{4})"""
_SECRET = (
    r"(?:sk-|[srp]k_|AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|AIza|ya29\.|eyJ|hf_|npm_|pypi-|SG\.|dop_v1_"
    r"|shpat_|lin_api_|xai-|gsk_|AccountKey=|hooks\.slack\.com/services/)[A-Za-z0-9_\-.+/=]{10}",
    r"-----BEGIN ",
    r"(?i:bearer|basic)[ :]{1,3}[A-Za-z0-9_\-.=+/~]{16}",
    r"(?i:password|passwd|passwort|passphrase|pwd|secret|api[ _\-]?key|access[ _\-]?key|token|credentials?)"
    rf"""{_GAP}*(?:[:=]{{1,2}}|is{_GAP}+:?){_GAP}*[^\s"'<>,;]{{6}}""",
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
