"""Where keys, tokens and passwords stand in a text.

The prefixes are those that the vendors document for their own secret scanning. The package detect-secrets was weighed:
its last release (1.5.0, May 2024) knows neither today's OpenAI nor Anthropic keys, so that the table is kept here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

WORDS = ("passw", "passphr", "pwd", "secret", "api", "token", "bearer", "basic ", "access", "credential", "private key")
"""A text without any of these, without a long word and without a URL that names a user holds no secret known here."""

_WORD = bytes.maketrans(
    bytes(range(256)), bytes(97 if chr(c).isalnum() or c in b"_-" else 32 for c in range(128)) + b" " * 128
)
_LONG = b"a" * 20


def may_hold_secret(text: str, raw: bytes) -> bool:
    """Return whether a text, whose UTF-8 is `raw`, may hold a secret, from what is cheap to see."""
    if _LONG in raw.translate(_WORD) or (b"://" in raw and b"@" in raw):
        return True
    lowered = text.lower()
    return any(w in lowered for w in WORDS)


_TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-(?:ant-|proj-|svcacct-|admin-|or-v1-|lf-)?[A-Za-z0-9_\-]{20,250}"  # OpenAI, Anthropic, OpenRouter, Langfuse
    r"|[srp]k_(?:live|test)_[A-Za-z0-9]{16,250}"  # Stripe
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"  # AWS
    r"|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}"  # GitHub
    r"|glpat-[A-Za-z0-9_\-]{20,64}"  # GitLab
    r"|xox[abeoprs]-[A-Za-z0-9\-]{10,250}"  # Slack
    r"|AIza[A-Za-z0-9_\-]{35}|ya29\.[A-Za-z0-9_\-]{20,500}"  # Google
    r"|eyJ[A-Za-z0-9_\-]{10,4000}\.eyJ[A-Za-z0-9_\-]{10,4000}\.[A-Za-z0-9_\-]{10,1000}"  # JSON Web Token
    r"|hf_[A-Za-z0-9]{30,64}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_\-]{50,250}"  # Hugging Face, npm, PyPI
    r"|SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{16,64}"  # SendGrid
    r"|dop_v1_[a-f0-9]{64}|shpat_[a-fA-F0-9]{32}|lin_api_[A-Za-z0-9]{32,64}"  # DigitalOcean, Shopify, Linear
    r"|xai-[A-Za-z0-9]{40,120}|gsk_[A-Za-z0-9]{40,80}"  # xAI, Groq
    r"|AccountKey=[A-Za-z0-9+/=]{40,100}"  # Azure storage
    r"|hooks\.slack\.com/services/[A-Za-z0-9/]{20,100}"
    r")"
)
_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{1,10000}(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
)
_BEARER = re.compile(r"(?i)(?<!\w)(?:bearer|basic)[ :]{1,3}([A-Za-z0-9_\-.=+/~]{16,2000})")
_ASSIGNED = re.compile(
    r"(?i)(?:password|passwd|passwort|passphrase|pwd|secret|api[ _\-]?key|access[ _\-]?key|token|credentials?)"
    r"[\"']?(?:\s{0,3}(?:=|:=|:)\s{0,3}|\s{1,3}is\s{1,3}:?\s{0,2})[\"']?([^\s\"'<>,;]{6,200})"
)
_IN_URL = re.compile(r"://[^\s/:@\"'<>]{0,100}:([^\s/@\"'<>]{3,200})@")


def find_secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Find secrets, each as (start, end, value); of an assignment only the value, of a URL only the password."""
    for pattern in (_KEY_BLOCK, _TOKENS):
        for m in pattern.finditer(text):
            yield m.start(), m.end(), m.group()
    for pattern in (_BEARER, _ASSIGNED):
        for m in pattern.finditer(text):
            if _looks_secret(m.group(1)):
                yield m.start(1), m.end(1), m.group(1)
    for m in _IN_URL.finditer(text):
        yield m.start(1), m.end(1), m.group(1)


def _looks_secret(value: str) -> bool:
    """Return whether an assigned value is no plain word or number: people write "token: none" and "tokens: 1200"."""
    value = value.rstrip(".!?)")
    kinds = sum(bool(re.search(p, value)) for p in ("[a-z]", "[A-Z]", r"\d", r"[^\w]"))
    return len(value) >= 6 and kinds >= 2 and not value.replace(".", "").isdigit()
