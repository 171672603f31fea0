"""Bytes -> JSON: what the standard allows is read exactly, all else is refused with its reason."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.capture.formats import UnreadableError
from flywheel_pipeline.steps.capture.parse import TOO_DEEP, parse_documents, parse_json, split_lines

DEEP = 100_000
"""Deeper than the parser of any Python goes."""

whole_numbers = st.integers(-(2**63), 2**64 - 1)
scalars = st.none() | st.booleans() | whole_numbers | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\/\x00\n'), max_size=8)
values = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values, st.booleans(), st.sampled_from([None, 1]))
def test_what_any_writer_wrote_is_read_back(value: object, ascii_only: bool, indent: int | None) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert parse_json(raw) == json.loads(raw)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), values, values)
def test_a_key_that_is_there_twice_is_refused_wherever_it_stands(key: str, one: object, other: object) -> None:
    twice = f"{{{json.dumps(key)}: {json.dumps(one)}, {json.dumps(key, ensure_ascii=False)}: {json.dumps(other)}}}"
    for text in (twice, f"[{twice}]", f'{{"outer": {{"inner": {twice}}}}}'):
        with pytest.raises(UnreadableError, match="appears twice in one object"):
            parse_json(text.encode())


@given(st.binary(max_size=60))
def test_bytes_are_json_or_are_refused(raw: bytes) -> None:
    try:
        json.dumps(parse_json(raw), allow_nan=False)
    except UnreadableError as error:
        assert str(error)


REFUSED = {
    "nothing": (b"", "not valid JSON"),
    "half an object": (b'{"a": [1', "not valid JSON"),
    "two objects": (b"{}{}", "not valid JSON"),
    "NaN": (b'{"a": NaN}', "NaN is not JSON"),
    "Infinity": (b"[-Infinity]", "-Infinity is not JSON"),
    "a number beyond all": (b"[1e999]", "too large for a number"),
    "an integer of 5000 digits": (b"[1" + b"0" * 5000 + b"]", "not valid JSON"),
    "broken UTF-8": (b'{"a": "\xff"}', "not valid UTF-8 at byte 7"),
    "an overlong NUL": (b'"\xc0\x80"', "not valid UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "not valid UTF-8"),
    "a plain NUL": (b'{"a": "\x00"}', "not valid JSON"),
    "a comma too many": (b'{"a": 1,}', "not valid JSON"),
    "single quotes": (b"{'a': 1}", "not valid JSON"),
    "deep lists": (b"[" * DEEP + b"]" * DEEP, TOO_DEEP),
    "deep objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, TOO_DEEP),
    "deep and broken off": (b"[" * DEEP, TOO_DEEP),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_json_is_refused_with_its_reason(kind: str) -> None:
    raw, reason = REFUSED[kind]
    with pytest.raises(UnreadableError, match=reason):
        parse_json(raw)


@pytest.mark.parametrize("depth", [10, 250, 253, 254, 255, 256, 400])
def test_what_is_nested_as_deep_as_any_real_record_is_read(depth: int) -> None:
    raw = b'{"a":' * depth + b"1" + b"}" * depth
    value = parse_json(raw)
    for _ in range(depth):
        value = value["a"]
    assert value == 1


@pytest.mark.parametrize("depth", [900, 990, 1000, 1010, 1024, 1025, 1100, 10_000, DEEP])
@pytest.mark.parametrize("end", [b"1", b'{"a": 1, "a": 2}', b'"\\ud800"', b"1" + b"0" * 30, b""])
def test_no_depth_raises_anything_else(depth: int, end: bytes) -> None:
    for raw in (b'{"a":' * depth + end + b"}" * depth, b"[" * depth + end + b"]" * depth):
        try:
            parse_json(raw)
        except UnreadableError as error:
            assert str(error)


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, 2**64, 2**64 + 1, 10**29 + 7, -(2**63), -(2**63) - 1])
def test_a_whole_number_is_exact_or_refused_because_ids_are_numbers_too(number: int) -> None:
    try:
        assert parse_json(b'{"id": %d}' % number) == {"id": number}
    except UnreadableError as error:
        assert str(error)


def test_lone_surrogates_are_read_as_they_are() -> None:
    assert parse_json(b'["\\ud800", "\\ud83d\\ude00"]') == ["\ud800", "\U0001f600"]


def test_a_fraction_of_many_digits_is_the_nearest_number() -> None:
    assert parse_json(b"[0." + b"1" * 3000 + b"]") == [0.1111111111111111]
    assert math.isclose(parse_json(b"[1e-400]")[0], 0.0)


@given(
    st.lists(st.dictionaries(texts, values, max_size=3), min_size=1, max_size=4),
    st.sampled_from(["", " ", "\n", ",\n"]),
)
def test_documents_one_after_the_other_are_taken_apart(objects: list[object], between: str) -> None:
    raw = between.join(json.dumps(o, indent=1) for o in objects).encode()
    assert parse_documents(raw) == objects


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a": 1}{"b": ', "not valid JSON"),
        (b'{"a": 1} {"b": NaN}', "not valid JSON"),
        (b'{"a": 1} {"b": 1, "b": 2}', "not valid JSON"),
        (b'{"a": 1}\xff', "not valid UTF-8"),
        (b"{} " + b"[" * DEEP, "not valid JSON|nested too deeply"),
    ],
)  # fmt: skip
def test_documents_of_which_one_is_broken_are_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        parse_documents(raw)


@pytest.mark.parametrize("raw", [b"", b" \n", b",,"])
def test_where_there_is_nothing_there_are_no_documents(raw: bytes) -> None:
    assert parse_documents(raw) == []


@given(st.lists(st.text("ab \r\t", max_size=4), max_size=8), st.integers(1, 1000))
def test_lines_keep_their_numbers_and_blank_ones_are_left_out(lines: list[str], first: int) -> None:
    found = list(split_lines(first, "\n".join(lines).encode()))
    assert found == [(n, line.removesuffix("\r").encode()) for n, line in enumerate(lines, first) if line.strip()]


def test_only_line_feeds_end_a_line() -> None:
    other = '{"a": "x\u2028y\x0bz\x85"}'.encode()
    assert list(split_lines(1, other + b"\n")) == [(1, other)]
