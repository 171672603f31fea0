"""Questions about many bytes that one pass over them as an array answers, several times sooner than `bytes` does."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_BACKSLASH, _U, _ZERO = (np.uint8(ord(c)) for c in "\\u0")
_STEP = 4
"""Of 19 digits in a row at least four stand at multiples of it."""
_LONG = re.compile(rb"\d{19}")


def bytes_of(data: bytes | bytearray | memoryview) -> Bytes:
    """Return the data as an array, without a copy."""
    return np.frombuffer(data, np.uint8)


def count(data: Bytes, character: bytes) -> int:
    """Return how often one ASCII character stands in the data."""
    return int(np.count_nonzero(data == ord(character)))


def may_escape(data: Bytes) -> bool:
    r"""Return whether JSON may write a character as `\u` and four digits."""
    at = np.flatnonzero(data[:-1] == _BACKSLASH)
    return bool((data[1:][at] == _U).any())


def holds_long_number(data: Bytes) -> bool:
    """Return whether 19 digits stand in a row."""
    digit = data[::_STEP] - _ZERO < 10
    digit = digit[:-1] & digit[1:]
    digit = digit[:-2] & digit[2:]
    places = np.flatnonzero(digit) * _STEP
    return any(_LONG.search(data[max(0, at - _STEP + 1) : at + 19].tobytes()) for at in places.tolist())
