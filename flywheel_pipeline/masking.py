"""Keys that a server or a library repeats in its error are masked before anything shows or stores them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

MASK = "***"
SECRET_NAME = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|SALT)(?:S|_ID)?$", re.IGNORECASE)
"""Names of variables of the environment that hold a secret."""
SHORTEST = 8
"""Characters from which the value of such a variable is masked: a shorter one is found in ordinary words."""
SHAPES = re.compile(
    r"(?P<scheme>\b(?:bearer\s+|basic\s+(?=\S*(?:[0-9=+/]|(?-i:.[A-Z])))))[A-Za-z0-9_\-.=+/~]{8,}"
    r"|(?P<user>://[^/\s:@]{0,100}:)[^/\s@]{1,500}(?=@)"
    r"|(?P<name>\b(?:api[-_ ]?key|access[-_ ]?token|token|password)\b[\"']?\s{0,3}[:=]\s{0,3}[\"']?)"
    r"[A-Za-z0-9_\-.=+/~*]{8,}"
    r"|\b(?:sk|pk|rk)[-_][A-Za-z0-9_\-*]{8,}"
    r"|\b(?:gh[opusr]_|github_pat_|glpat-|xox[abeoprs]-|AIza|hf_|gsk_|xai-|AKIA|ASIA)[A-Za-z0-9_\-]{12,}",
    re.IGNORECASE,
)
"""What looks like a key, whoever it belongs to; what follows "basic" in a header is base64, and no word."""


def mask(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return `text` without the values of secret variables of the environment and what looks like a key."""
    values = {value for name, value in environ.items() if SECRET_NAME.search(name) and len(value) >= SHORTEST}
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, MASK)
    return SHAPES.sub(lambda found: (found["scheme"] or found["user"] or found["name"] or "") + MASK, text)
