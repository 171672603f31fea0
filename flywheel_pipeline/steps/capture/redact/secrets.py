"""Where keys, tokens and passwords stand in a text.

The prefixes are those that the vendors document for their own secret scanning. The package detect-secrets was weighed:
its last release (1.5.0, May 2024) knows neither today's OpenAI nor Anthropic keys, so that the table is kept here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

NAMES = (
    "password", "passwd", "passwort", "passphrase", "pwd", "secret", "token", "credential", "credentials",
    "apikey", "api key", "api_key", "api-key", "accesskey", "access key", "access_key", "access-key",
)  # fmt: skip
"""What stands before a secret that is assigned, in lower case."""
SCHEMES = ("bearer", "basic")
TOKENS: Sequence[tuple[tuple[str, ...], str]] = (
    (("sk-",), r"(?:ant-|proj-|svcacct-|admin-|or-v1-|lf-)?[A-Za-z0-9_\-]{20,250}"),  # OpenAI, Anthropic, Langfuse
    (("sk_", "rk_", "pk_"), r"(?:live|test)_[A-Za-z0-9]{16,250}"),  # Stripe
    (("AKIA", "ASIA"), r"[A-Z0-9]{16}(?![A-Za-z0-9])"),  # AWS
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"[A-Za-z0-9]{30,255}"),  # GitHub
    (("github_pat_",), r"[A-Za-z0-9_]{22,255}"),
    (("glpat-",), r"[A-Za-z0-9_\-]{20,64}"),  # GitLab
    (("xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-"), r"[A-Za-z0-9\-]{10,250}"),  # Slack
    (("hooks.slack.com/services/",), r"[A-Za-z0-9/]{20,100}"),
    (("AIza",), r"[A-Za-z0-9_\-]{35}"),  # Google
    (("ya29.",), r"[A-Za-z0-9_\-]{20,500}"),
    (("eyJ",), r"[A-Za-z0-9_\-]{10,4000}\.eyJ[A-Za-z0-9_\-]{10,4000}\.[A-Za-z0-9_\-]{10,1000}"),  # JSON Web Token
    (("hf_",), r"[A-Za-z0-9]{30,64}"),  # Hugging Face
    (("npm_",), r"[A-Za-z0-9]{36}"),
    (("pypi-",), r"[A-Za-z0-9_\-]{50,250}"),
    (("SG.",), r"[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{16,64}"),  # SendGrid
    (("dop_v1_",), r"[a-f0-9]{64}"),  # DigitalOcean
    (("shpat_",), r"[a-fA-F0-9]{32}"),  # Shopify
    (("lin_api_",), r"[A-Za-z0-9]{32,64}"),  # Linear
    (("xai-",), r"[A-Za-z0-9]{40,120}"),
    (("gsk_",), r"[A-Za-z0-9]{40,80}"),  # Groq
    (("AccountKey=",), r"[A-Za-z0-9+/=]{40,100}"),  # Azure storage
)
"""(prefixes, what follows them) of the tokens that vendors mark; the screening expression is made of the prefixes."""
PREFIXES = tuple(prefix for prefixes, _ in TOKENS for prefix in prefixes)


def any_of(words: Iterable[str]) -> str:
    """Return an expression for one of `words`, in the syntax that Python and RE2 share."""
    return "(?:" + "|".join(word.replace(".", r"\.") for word in words) + ")"


_KEY_BEGINS = "-----BEGIN "
_NAMED = re.compile(rb"(?s).{0,40}?(?:[:=]|[\sntr]is[\s\\:])")
"""What follows the name of a secret that is assigned, with room for the backslashes of JSON within JSON."""
_SCHEMED = re.compile(rb"[ :]{1,3}[a-z0-9_\-.=+/~]{16}")
_HINTS = (
    *((name, _NAMED) for name in (b"passw", b"passphrase", b"pwd", b"secret", b"token", b"credential", b"key")),
    *((scheme.encode(), _SCHEMED) for scheme in SCHEMES),
    (_KEY_BEGINS.lower().encode(), re.compile(b"")),
)
"""A text holds no secret known here unless it holds one of these with what follows it, a long word, or a URL that
names a user."""

_WORD = bytes.maketrans(
    bytes(range(256)), bytes(97 if chr(c).isalnum() or c in b"_-" else 32 for c in range(128)) + b" " * 128
)
_LONG = b"a" * 20
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def may_hold_secret(raw: bytes) -> bool:
    """Return whether a text (UTF-8) may hold a secret, from what is cheap to see."""
    if _LONG in raw.translate(_WORD) or (b"://" in raw and b"@" in raw):
        return True
    lowered = raw.lower()
    for hint, follows in _HINTS:
        at = lowered.find(hint)
        while at >= 0:
            if follows.match(lowered, at + len(hint)):
                return True
            at = lowered.find(hint, at + 1)
    return False


_TOKENS = re.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(any_of(p) + rest for p, rest in TOKENS) + ")")
_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{1,10000}(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
)
_BEARER = re.compile(rf"(?i)(?<!\w){any_of(SCHEMES)}[ :]{{1,3}}([A-Za-z0-9_\-.=+/~]{{16,2000}})")
_ASSIGNED = re.compile(
    rf"(?i){any_of(NAMES)}"
    r"[\\\"']{0,8}(?:\s{0,3}(?:=|:=|:)\s{0,3}|\s{1,3}is\s{1,3}:?\s{0,2})[\\\"']{0,8}"  # backslashes: JSON in a text
    r"((?:[^\s\"'<>,;\\]|\\(?![\"'\\])){6,200})"
)
_IN_URL = re.compile(r"://[^\s/:@\"'<>]{0,100}:([^\s/@\"'<>]{3,200})@")


def find_secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Find secrets, each as (start, end, value); of an assignment only the value, of a URL only the password."""
    for m in (*_begun(_KEY_BLOCK, (_KEY_BEGINS,), text, text), *_begun(_TOKENS, PREFIXES, text, text)):
        yield m.start(), m.end(), m.group()
    lowered = text.lower() if len(text.lower()) == len(text) else text.translate(_LOWER)  # as long, letter by letter
    for m in (*_begun(_BEARER, SCHEMES, lowered, text), *_begun(_ASSIGNED, NAMES, lowered, text)):
        if _looks_secret(m.group(1)):
            yield m.start(1), m.end(1), m.group(1)
    for m in _begun(_IN_URL, ("://",), text, text):
        yield m.start(1), m.end(1), m.group(1)


def _begun(pattern: re.Pattern[str], starts: Iterable[str], where: str, text: str) -> Iterator[re.Match[str]]:
    """Find a pattern in `text` where one of its beginnings stands in `where`: many times faster than everywhere."""
    for start in starts:
        at = where.find(start)
        while at >= 0:
            found = pattern.match(text, at)
            if found:
                yield found
            at = where.find(start, found.end() if found else at + 1)


def _looks_secret(value: str) -> bool:
    """Return whether an assigned value is no plain word or number: people write "token: none" and "tokens: 1200"."""
    value = value.rstrip(".!?)")
    kinds = sum(bool(re.search(p, value)) for p in ("[a-z]", "[A-Z]", r"\d", r"[^\w]"))
    return len(value) >= 6 and kinds >= 2 and not value.replace(".", "").isdigit()
