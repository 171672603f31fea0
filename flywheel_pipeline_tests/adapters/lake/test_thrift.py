"""Structs of the compact protocol come back as they went in, and what DuckDB wrote comes back byte for byte."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.adapters.lake.thrift import (
    BINARY,
    BYTE,
    DOUBLE,
    FALSE,
    I16,
    I32,
    I64,
    LIST,
    SET,
    STRUCT,
    TRUE,
    ThriftError,
    dumps,
    loads,
)

wholes = st.integers(-(2**63), 2**63 - 1)
scalars = (
    st.tuples(st.sampled_from([I16, I32, I64]), wholes)
    | st.tuples(st.just(BINARY), st.binary(max_size=300))
    | st.tuples(st.just(DOUBLE), st.binary(min_size=8, max_size=8))
    | st.tuples(st.just(BYTE), st.integers(0, 255))
    | st.booleans().map(lambda told: (TRUE if told else FALSE, told))
)


def holders(inner: Any) -> Any:
    structs = st.dictionaries(st.integers(1, 2**15 - 1), inner, max_size=4)
    items = (
        st.tuples(st.just(I64), st.lists(wholes, max_size=20))
        | st.tuples(st.just(TRUE), st.lists(st.booleans(), max_size=20))
        | st.tuples(st.just(STRUCT), st.lists(structs, max_size=20))
    )
    return st.tuples(st.just(STRUCT), structs) | st.tuples(st.sampled_from([LIST, SET]), items)


structs = st.dictionaries(st.integers(1, 2**15 - 1), st.recursive(scalars, holders, max_leaves=20), max_size=5)


@given(structs)
def test_a_struct_comes_back_as_it_went_in(told: Any) -> None:
    assert loads(dumps(told)) == told


@given(st.binary(max_size=80))
def test_any_bytes_are_a_struct_or_are_refused(data: bytes) -> None:
    try:
        found = loads(data)
    except ThriftError:
        return
    assert loads(dumps(found)) == found


@given(structs, st.integers(1, 50))
def test_a_struct_that_breaks_off_is_refused(told: Any, missing: int) -> None:
    data = dumps(told)
    with pytest.raises(ThriftError):
        loads(data[: max(0, len(data) - missing)])


def test_a_list_that_claims_more_items_than_there_are_bytes_is_refused_at_once() -> None:
    with pytest.raises(ThriftError):
        loads(bytes([1 << 4 | LIST, 15 << 4 | I64, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]))


def test_what_is_nested_without_end_is_refused() -> None:
    with pytest.raises(ThriftError):
        loads(bytes([1 << 4 | STRUCT]) * 100_000)


def test_the_footer_of_a_file_comes_back_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    duckdb.execute(
        "copy (select i, i % 3 as few, -i / 7 as low, 'text ' || i as word, i % 2 = 0 as even, null::int as none,"
        f" timestamp '2025-06-01' + to_hours(i::int) as at from range(9000) t(i)) to '{path}'"
        " (format parquet, row_group_size 2048, kv_metadata {inputs: 'x'})"
    )
    data = path.read_bytes()
    footer = data[-8 - struct.unpack("<I", data[-8:-4])[0] : -8]
    assert dumps(loads(footer)) == footer
