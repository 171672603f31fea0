"""What is personal or secret is replaced, what is not stays, and the same value is the same placeholder."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.adapters.re2 import Re2Match
from flywheel_pipeline.records import CapturedTrace
from flywheel_pipeline.steps.capture.formats.common import as_json
from flywheel_pipeline.steps.capture.redact import KINDS, Redactor
from flywheel_pipeline.steps.capture.redact.secrets import PREFIXES, TOKENS
from flywheel_pipeline_tests.builders import a_captured_trace

COVERS = (
    "steps/capture/redact/__init__.py",
    "steps/capture/redact/patterns.py",
    "steps/capture/redact/screen.py",
    "steps/capture/redact/secrets.py",
)

ALL = Redactor()

HELD = [
    ("mail joe.doe+x@example.co.uk now", "mail <EMAIL_1> now"),
    ("ignacio@exämple.de", "<EMAIL_1>"),
    ("a@b.com, A@B.com and c@d.org", "<EMAIL_1>, <EMAIL_1> and <EMAIL_2>"),
    ("call +1 (555) 123-4567 please", "call <PHONE_1> please"),
    ("+49 30 123456789 or 0049 30 123456789", "<PHONE_1> or <PHONE_1>"),
    ("(555) 123-4567, 555-123-4568", "<PHONE_1>, <PHONE_2>"),
    ("tel 030 1234567; 020 7946 0958", "tel <PHONE_1>; <PHONE_2>"),
    ("card 4111 1111 1111 1111, again 4111-1111-1111-1111", "card <CARD_1>, again <CARD_1>"),
    ("378282246310005", "<CARD_1>"),
    ("DE89 3704 0044 0532 0130 00 is mine", "<IBAN_1> is mine"),
    ("GB82WEST12345698765432", "<IBAN_1>"),
    ("from 203.0.113.7", "from <IP_1>"),
    ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "<IP_1>"),
    ("Basic dXNlcjpw.YXNz/d29y=", "Basic <SECRET_1>"),
    ("from 203.0.113.7 and 2001:db8::8a2e:370:7334", "from <IP_1> and <IP_2>"),
    ("key sk-proj-abcdefghijklmnopqrstuv123456", "key <SECRET_1>"),
    ("sk-ant-api03-AbCdEf0123456789abcdefghij", "<SECRET_1>"),
    ("AKIAIOSFODNN7EXAMPLE", "<SECRET_1>"),
    ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "<SECRET_1>"),
    ("password: hunter2!", "password: <SECRET_1>"),
    ('called with {\\"api_key\\": \\"abC123def\\"}', 'called with {\\"api_key\\": \\"<SECRET_1>\\"}'),
    ("my password is Tr0ub4dor&3", "my password is <SECRET_1>"),
    ("Authorization: Bearer abcdef0123456789abcdef", "Authorization: Bearer <SECRET_1>"),
    ("postgres://user:s3cr3t@db.host/x", "postgres://user:<SECRET_1>@db.host/x"),
    ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "<SECRET_1>"),
]
FREE = [
    "on 2025-06-02 at 12:30:45", "01/02/2025 12:30", "2025-06-02T12:00:00.123456Z", "order 123456789012",
    "version 1.2.3.4", "v10.20.30.40", "1,234,567.89 EUR", "127.0.0.1 and ::1", "tokens: 1200", "token: none",
    "the secret is patience", "id 550e8400-e29b-41d4-a716-446655440000", "1749038400123456789", "4111111111111112",
    "std::vector<int>", "3.14159265358979", "a@b", "call 911", "the bearer of bad news arrives",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), HELD)
def test_what_is_personal_or_secret_becomes_a_placeholder(text: str, expected: str) -> None:
    assert ALL.redact_text(text) == expected


@pytest.mark.parametrize("text", FREE)
def test_what_only_looks_alike_stays(text: str) -> None:
    assert ALL.redact_text(text) == text


def test_a_value_has_one_placeholder_in_all_columns_and_is_counted_once() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "mail", "arguments": '{"to": "joe@a.com",\n "n": 1}'}}
    messages = [
        {"role": "user", "content": "I am\njoe@a.com"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]
    trace = a_captured_trace(
        input="I am\njoe@a.com", messages=json.dumps(messages), output="Mailed joe@a.com, not eve@a.com",
        tags=json.dumps({"user": "joe@a.com", "n": 5551234567}), session_id="joe@a.com",
        spans=json.dumps([{"trace_id": "t", "started_at": "2025-06-02T12:00:00", "input": "joe@a.com"}]),
    )  # fmt: skip
    found, counts = ALL.redact(trace)
    assert counts == {"email": 2}
    assert (found.input, found.output) == ("I am\n<EMAIL_1>", "Mailed <EMAIL_1>, not <EMAIL_2>")
    read = json.loads(found.messages)
    assert read[0]["content"] == "I am\n<EMAIL_1>"
    assert json.loads(read[1]["tool_calls"][0]["function"]["arguments"]) == {"to": "<EMAIL_1>", "n": 1}
    assert json.loads(found.tags) == {"user": "<EMAIL_1>", "n": 5551234567}
    assert json.loads(found.spans or "")[0]["started_at"] == "2025-06-02T12:00:00"
    assert "joe@" not in repr(found) and "eve@" not in repr(found)


def test_an_id_becomes_a_hash_by_which_traces_still_join_and_which_the_salt_changes() -> None:
    one, other = (ALL.redact(a_captured_trace(trace_id=t, session_id="joe@a.com"))[0].session_id for t in "ab")
    salted = Redactor(KINDS, "salt").redact(a_captured_trace(session_id="joe@a.com"))[0].session_id
    assert one == other and one is not None and one.startswith("<EMAIL_")
    assert salted is not None and salted.startswith("<EMAIL_") and salted != one


def test_only_the_kinds_that_are_asked_for_are_replaced() -> None:
    assert Redactor(("phone",)).redact_text("a@b.com +1 555 123 4567") == "a@b.com <PHONE_1>"


def test_a_key_that_is_usually_an_id_hides_nothing() -> None:
    tags = {"type": "joe@a.com", "kind": "call +1 555 123 4567", "trace_id": "4b4d5d1e4b4d5d1e4b4d5d1e4b4d5d1e"}
    found, _ = ALL.redact(a_captured_trace(tags=json.dumps(tags)))
    assert json.loads(found.tags) == {**tags, "type": "<EMAIL_1>", "kind": "call <PHONE_1>"}


def test_a_trace_without_any_is_left_as_it_is() -> None:
    trace = a_captured_trace()
    assert ALL.redact(trace)[0] is trace


pieces = st.lists(st.sampled_from([t for t, _ in HELD] + FREE + ['"', "\\", "\n", " ", "é", "<EMAIL_1>"]), max_size=6)


@given(pieces)
def test_redacting_twice_changes_nothing_more(texts: list[str]) -> None:
    once = ALL.redact_text(" ".join(texts))
    assert ALL.redact_text(once) == once


@given(pieces)
def test_json_columns_stay_json_and_hold_no_value_any_more(texts: list[str]) -> None:
    messages = json.dumps([{"role": "user", "content": t} for t in texts])
    found, _ = ALL.redact(a_captured_trace(messages=messages))
    assert [m["role"] for m in json.loads(found.messages)] == ["user"] * len(texts)
    for value in ("joe.doe+x@", "4111 1111", "hunter2", "sk-proj-abc", "DE89 3704"):
        assert value not in found.messages


def screened(trace: CapturedTrace) -> bool:
    return ALL.screen([trace], Re2Match()) == [0]


columns = st.sampled_from(["content", "nested", "tags", "session", "spans"])
marks = st.sampled_from(["", "\n", '"', "\\", "\t ", "é", "\u2028", "=", ": "])


@given(st.sampled_from([t for t, _ in HELD] + FREE), marks, marks, columns)
def test_the_quick_look_at_all_rows_misses_nothing_that_is_replaced(text: str, one: str, two: str, where: str) -> None:
    text = f"{one}{text.replace(' ', two + ' ', 1)}{two}"
    nested = json.dumps({"a": json.dumps({"b": text})})
    trace = a_captured_trace(
        messages=json.dumps([{"role": "user", "content": {"content": text, "nested": nested}.get(where, "")}]),
        tags=json.dumps({"note": text} if where == "tags" else {}),
        session_id=text if where == "session" else None,
        spans=json.dumps([{"input": text}]) if where == "spans" else None,
    )
    assert screened(trace) or ALL.redact(trace)[0] is trace


def test_the_quick_look_passes_over_most_rows() -> None:
    ids = {"id": "0123456789012345", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = [{"role": "assistant", "content": "At 12:30:45 I reset the password.", "tool_calls": [ids]}]
    span = {"trace_id": "0" * 32, "span_id": "1" * 16, "started_at": "2025-06-02T12:00:00.123456", "messages": said}
    assert not screened(a_captured_trace(messages=as_json(said), spans=as_json([span])))
    assert not screened(a_captured_trace(session_id="3f2b8c1e-9d4a-4e7b-b1c6-0a9d8e7f6c5b"))


def test_a_tool_call_keeps_the_id_that_joins_it_to_its_result() -> None:
    call = {"id": "4111111111111111", "type": "function", "function": {"name": "pay", "arguments": "joe@a.com"}}
    messages = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "4111111111111111"}]
    found = json.loads(ALL.redact(a_captured_trace(messages=json.dumps(messages)))[0].messages)
    assert found[0]["tool_calls"][0]["id"] == found[1]["tool_call_id"] == "4111111111111111"
    assert found[0]["tool_calls"][0]["function"]["arguments"] == "<EMAIL_1>"


@pytest.mark.parametrize(
    "piece", ["@", "a@", "1", "1 ", "1.1", "-", ":", "a:", "(", "+1 ", "sk-", "eyJa", "password: ", "AB12 "]
)
def test_no_text_makes_it_slow(piece: str) -> None:
    started = time.process_time()
    ALL.redact_text(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 20, "quadratic work takes minutes here, linear work well under a second"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_token_of_every_vendor_is_found_by_both_looks(prefix: str) -> None:
    rest = next(rest for prefixes, rest in TOKENS if prefix in prefixes)
    body = "live_" if "live" in rest else ""
    letters = "0" * 64 if "a-f" in rest else "A1" * 30
    size = {"AKIA": 16, "ASIA": 16, "AIza": 35, "npm_": 36, "shpat_": 32}.get(prefix, 60)
    dots = {"eyJ": ".eyJ" + "A1" * 10 + "." + "A1" * 10, "SG.": "." + "A1" * 15}.get(prefix, "")
    token = prefix + body + (letters[:64] if prefix == "dop_v1_" else letters[: 20 if prefix == "SG." else size]) + dots
    assert ALL.redact_text(f"the key {token} is mine") == "the key <SECRET_1> is mine"
    assert screened(a_captured_trace(messages=as_json([token])))
