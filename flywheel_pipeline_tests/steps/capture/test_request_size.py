"""Objects of a request are counted in its bytes, and no more than the limit are let through."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flywheel_pipeline.steps.capture.request_size import TooManyError, check_json, check_protobuf

KIND = ExportTraceServiceRequest.DESCRIPTOR
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(alphabet='{[,"\\a', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='",{[a', max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


def n_of(value: Any) -> int:
    """Return the objects and lists in a value, and their members after the first."""
    if not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(0, len(value) - 1) + sum(map(n_of, inner))


@given(VALUES)
def test_json_is_counted_without_what_stands_in_texts(value: Any) -> None:
    body, n = json.dumps(value).encode(), n_of(value)
    check_json(body, n)
    if n:
        with pytest.raises(TooManyError, match="send smaller batches"):
            check_json(body, n - 1)


def a_request(n_attributes: int) -> bytes:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"1" * 16, start_time_unix_nano=7)
    for _ in range(n_attributes):
        span.attributes.add(key="a").value.string_value = "b"
    return bytes(request.SerializeToString())


@pytest.mark.parametrize("n", [0, 1, 40])
def test_messages_of_protobuf_are_counted(n: int) -> None:
    most = 3 + 2 * n  # resource, scope, span; key and value
    check_protobuf(a_request(n), KIND, most)
    with pytest.raises(TooManyError):
        check_protobuf(a_request(n), KIND, most - 1)


def test_repeated_texts_are_counted_as_well() -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().resource.entity_refs.add().id_keys.extend([""] * 50)
    with pytest.raises(TooManyError):
        check_protobuf(request.SerializeToString(), KIND, 50)


@given(st.binary(max_size=60))
def test_what_is_no_protobuf_is_left_to_the_parser(body: bytes) -> None:
    try:
        check_protobuf(body, KIND, 3)
    except TooManyError:
        assert len(body) > 6
