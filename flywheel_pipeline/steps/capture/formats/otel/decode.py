"""Ids, times and status of OpenTelemetry spans in any of the encodings found."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import UnreadableError, clean, utc

TRACE_BYTES = 16
SPAN_BYTES = 8
_HEX = frozenset("0123456789abcdefABCDEF")
_EPOCH = datetime(1970, 1, 1)


def span_id(value: Any, size: int = SPAN_BYTES) -> str | None:
    """Return an id in lower-case hex without `0x`, None where there is none (absent, empty or all zeros).

    It may be hex, base64 of `size` bytes, or a number. Hex wins where both are possible; an id that is neither
    stays as it is.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:0{2 * size}x}" if 0 < value < 1 << 8 * size else None
    if not isinstance(value, str):
        return None
    if len(value) != 2 * size or not _HEX.issuperset(value):
        value = _unusual(value.strip(), size)
    return value.lower() if value.strip("0") else None


def _unusual(value: str, size: int) -> str:
    prefixed = value[:2] in ("0x", "0X")
    digits = value[2:] if prefixed else value
    if digits and _HEX.issuperset(digits):
        return digits.zfill(2 * size) if prefixed else digits
    if value.endswith("=") and len(value) == -(-size // 3) * 4:
        try:
            data = base64.b64decode(value.translate({45: 43, 95: 47}), validate=True)
        except (binascii.Error, ValueError):
            return clean(value)
        return data.hex() if len(data) == size else clean(value)
    return clean(value)


def moment(value: Any) -> datetime | None:
    """Return a time as naive UTC: nanoseconds, `[seconds, nanoseconds]`, or what `utc` reads; None if unset.

    Raises:
        UnreadableError: it is no time.
    """
    if value in (None, "", 0, "0"):
        return None
    if isinstance(value, list | tuple) and len(value) == 2 and all(type(v) is int for v in value):
        value = value[0] * 1_000_000_000 + value[1]
    if isinstance(value, str) and 17 < len(value) < 20 and value.isdecimal():
        value = int(value)
    if type(value) is int and 10**17 < value < 10**19:
        return _EPOCH + timedelta(microseconds=value // 1000)
    return utc(value)


def failed(status: Any) -> tuple[bool | None, str]:
    """Return (whether it failed, None if unset; the message) of a status in any spelling."""
    fields: Mapping[str, Any] = status if isinstance(status, dict) else {"code": status}
    code = next((fields[k] for k in ("code", "status_code", "statusCode") if fields.get(k) is not None), None)
    message = next((fields[k] for k in ("message", "description", "status_message") if fields.get(k)), "")
    return _CODES.get(str(code).upper().rpartition(".")[2]), clean(message) if isinstance(message, str) else ""


_CODES = {"2": True, "ERROR": True, "STATUS_CODE_ERROR": True, "1": False, "OK": False, "STATUS_CODE_OK": False}


def required(value: str | None, what: str) -> str:
    """Return an id.

    Raises:
        UnreadableError: there is none.
    """
    if value is None:
        raise UnreadableError(f"the span has no {what}: export it, spans cannot be put together without")
    return value
