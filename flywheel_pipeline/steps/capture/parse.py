"""Bytes -> JSON values, strictly: what JSON forbids or silently loses is an error with its reason."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from flywheel_pipeline.steps.capture.formats.common import UnreadableError, finite

TOO_DEEP = "nested too deeply"
AS_UTF8 = "export the file as UTF-8, or state its encoding in capture.sources"
_DIGITS = bytes.maketrans(b"0123456789", b"0" * 10)
_TWENTY, _NEGATIVE = b"0" * 20, b"-" + b"0" * 19
_HUGE = re.compile(rb"[\s:,\[](?:-\d{19}|\d{20})")
_SPACE = re.compile(r"[\s,]*")
_ESCAPED_QUOTE = b"\\u0022"
BOM = b"\xef\xbb\xbf"


def parse_json(raw: bytes) -> Any:
    """Return the JSON value in `raw` (UTF-8).

    Raises:
        UnreadableError: it is not JSON, is nested too deeply, or an object holds one key twice, of which
            any parser would drop one without a word.
    """
    try:
        value = orjson.loads(raw)
    except ValueError:
        return _parse_slowly(raw)
    if _holds_huge_number(raw):
        return _parse_slowly(raw)  # the fast parser makes floats of whole numbers beyond 64 bits
    if not _is_all_there(value, raw):
        _refuse_repeated_keys(raw)
    return value


def _holds_huge_number(raw: bytes) -> bool:
    """Return whether JSON may hold a whole number beyond 64 bits."""
    zeros = raw.translate(_DIGITS)
    return (_TWENTY in zeros or _NEGATIVE in zeros) and _HUGE.search(raw) is not None


def _is_all_there(value: Any, raw: bytes) -> bool:
    """Return whether no key was repeated: it is lost when the value is written again, and its quotation marks too.

    Those of a text that were written as `\\u0022` come back as marks, and must not make up for lost ones.
    """
    try:
        return orjson.dumps(value).count(b'"') == raw.count(b'"') + raw.count(_ESCAPED_QUOTE)
    except TypeError:  # nested deeper than this writer goes
        return False


def _parse_slowly(raw: bytes) -> Any:
    """Parse what the fast parser refuses: it may be allowed (lone surrogates), or the reason is to be reported."""
    try:
        return json.loads(
            raw.decode("utf-8"), parse_constant=_no_constant, parse_float=finite, object_pairs_hook=unique_keys
        )
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not valid UTF-8 at byte {error.start}: {AS_UTF8}") from None
    except RecursionError:
        raise UnreadableError(TOO_DEEP) from None
    except ValueError as error:
        raise UnreadableError(f"not valid JSON: {error}") from None


def _refuse_repeated_keys(raw: bytes) -> None:
    try:
        json.loads(raw, object_pairs_hook=unique_keys)
    except RecursionError:
        raise UnreadableError(TOO_DEEP) from None
    except ValueError as error:
        raise UnreadableError(f"not valid JSON: {error}") from None


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object that (key, value) `pairs` make.

    Raises:
        ValueError: a key appears twice.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(k for k, _ in pairs if k in seen or seen.add(k))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:40]!r} appears twice in one object")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def parse_documents(raw: bytes) -> list[Any]:
    """Return the JSON values that follow each other in `raw`, as pretty-printing exporters write them.

    Raises:
        UnreadableError: it is something else.
    """
    try:
        return [parse_json(raw)]
    except UnreadableError as error:
        problem = error
    try:
        text, found = raw.decode(), []
    except UnicodeDecodeError:
        raise problem from None
    at = _after_space(text, 0)
    decoder = json.JSONDecoder(parse_constant=_no_constant, parse_float=finite, object_pairs_hook=unique_keys)
    try:
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            found.append(value)
            at = _after_space(text, at)
    except (ValueError, RecursionError):
        raise problem from None
    return found


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def split_lines(first_line: int, data: bytes) -> list[tuple[int, bytes]]:
    """Return (line number, line) of the lines that hold something; files that were joined have a BOM in the middle."""
    lines = data.split(b"\n")
    if (BOM[:1] in data and BOM in data) or b"\r" in data:
        lines = [line.removeprefix(BOM).removesuffix(b"\r") for line in lines]
    return [(number, line) for number, line in enumerate(lines, first_line) if line and not line.isspace()]
