"""Every reader against exports that were damaged at random: no exception, and every row is accounted for."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.adapters.landing import BlockLimits, read_blocks
from flywheel_pipeline.adapters.re2 import Re2Match
from flywheel_pipeline.ports import Block
from flywheel_pipeline.steps.capture import Captured, Rules, read_block
from flywheel_pipeline.steps.capture.formats import FORMATS
from flywheel_pipeline.steps.capture.redact import KINDS
from flywheel_pipeline_tests.builders import a_chat_record
from flywheel_pipeline_tests.steps.capture.formats import test_exports, test_otel_sdk, test_otlp
from flywheel_pipeline_tests.web.capture.sender import a_request

SEED, ROUNDS = 11, 150
MATCH = Re2Match()
RULES = Rules("shop", date(2020, 1, 1), datetime(2026, 6, 1), redact=KINDS)
DEEP: Any = []
for _ in range(300):
    DEEP = [DEEP]
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 2**80, 1e308, 0.1, "", " ", "\x00", "\ud800", "1e999", "-5", "null", "{", '{"a": [', "[]", "%s" * 9,
    "2025-06-02T12:00:00Z", "9999-12-31", "0001-01-01", "<script>", "x" * 5_000, [], {}, [[]], [None], {"": None}, DEEP,
    {"role": "user"}, {"content": [{"type": "text"}]}, [{"role": "tool", "content": 7}], {"messages": "x"}, {"id": {}}, "🙂" * 50,
)  # fmt: skip

ASKED, ANSWER = test_exports.ASKED, test_exports.ANSWER
FULLER: dict[str, list[Any]] = {
    "otlp": [test_otlp.document(), test_otlp.snake(test_otlp.document())],
    "otel_sdk": [test_otel_sdk.python_span()],
    "chat": [a_chat_record(messages=[*ASKED, {**ANSWER, "tool_calls": [test_exports.CALL]}], feedback={"score": 1})],
    "langsmith": [{"post": [test_exports.POST], "patch": [test_exports.PATCH]}],
    "openai": [{**test_exports.COMPLETION, "id": "c", "created": 1_748_865_600, "messages": ASKED}],
    "mlflow": [
        {"info": {"trace_id": "t", "request_time": "2025-06-02T12:00:00Z", "assessments": [{"feedback": {"value": 1}}]},
         "data": {"spans": [{"name": "m", "span_id": "AAAAAAAAAKo=", "start_time_unix_nano": 1_748_865_600 * 10**9,
                             "attributes": {"mlflow.spanInputs": json.dumps({"messages": ASKED}),
                                            "mlflow.spanOutputs": json.dumps(test_exports.COMPLETION)}}]}},
    ],
    "agenta": [
        {"spans": [{"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "span_name": "chat",
                    "start_time": "2025-06-02T12:00:00Z", "references": [{"slug": "support", "version": "3"}],
                    "attributes": {"ag": {"type": {"node": "chat"}, "data": {"inputs": {"prompt": ASKED}, "outputs": ANSWER},
                                          "metrics": {"tokens": {"incremental": {"prompt": 11}}}}}}]},
    ],
}  # fmt: skip


def places_in(value: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value, JSON within JSON text left alone."""
    if depth > 30:
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [(value, k) for k in keys] + [place for k in keys for place in places_in(value[k], depth + 1)]


def drop(container: Any, key: Any, chance: random.Random) -> None:
    container.pop(key)


def swap(container: Any, key: Any, chance: random.Random) -> None:
    container[key] = deepcopy(chance.choice(ODD))


def wrap(container: Any, key: Any, chance: random.Random) -> None:
    container[key] = chance.choice(([container[key]], {"value": container[key]}, json.dumps(container[key])))


def double(container: Any, key: Any, chance: random.Random) -> None:
    if isinstance(container, list):
        container.append(deepcopy(container[key]))
    else:
        container[f"{key}{chance.choice('_2 ')}"] = container[key]


DAMAGES: tuple[Callable[[Any, Any, random.Random], None], ...] = (drop, swap, swap, wrap, double)


def damaged(record: Any, chance: random.Random) -> Any:
    """The record with one to six things wrong with it."""
    box = [deepcopy(record)]
    for _ in range(chance.randint(1, 6)):
        places = places_in(box)
        if places:
            chance.choice(DAMAGES)(*chance.choice(places), chance)
    return box


def check(captured: Captured) -> None:
    """What holds whatever was read: every row is in the account, and what is to be stored is bounded."""
    reported = (
        sum(t.n_rows for t in captured.traces)
        + sum(f.n_rows for f in captured.feedback)
        + captured.n_repeated
        + len(captured.rejects)
    )
    assert captured.n_rows_in == reported
    for reject in captured.rejects:
        assert reject.reason and len(reject.excerpt) <= 200
        assert "please report it" not in reject.reason, reject
    for trace in captured.traces:
        assert trace.trace_id and trace.n_turns >= 0
        json.loads(trace.messages), json.loads(trace.retrieved), json.loads(trace.tags)


@pytest.mark.parametrize("name", [f.NAME for f in FORMATS])
def test_no_damage_to_an_export_goes_unaccounted(name: str, tmp_path: Path) -> None:
    chance = random.Random(f"{SEED}{name}")
    samples = [test_exports.ALL[name], *FULLER.get(name, [])]
    kept, n_feedback = [], 0
    for n in range(ROUNDS):
        rows = tuple((i, row) for i, row in enumerate(damaged(chance.choice(samples), chance), 1))
        forced = Rules(**{**vars(RULES), "format": chance.choice((None, name))})
        captured = read_block(f"{name}.jsonl", Block("rows", 1, rows=rows), forced, MATCH)
        assert captured.n_rows_in > 0 or not rows, f"round {n}"
        check(captured)
        kept += captured.traces
        n_feedback += len(captured.feedback)
    assert kept or n_feedback, "nothing of it could be read: the damage is too great to test much"
    lake = Lake(tmp_path)
    lake.write("captured_traces", kept)
    assert lake.frame("select count(*) as n from captured_traces").n[0] == len(kept)


def broken(data: bytes, chance: random.Random) -> bytes:
    """Bytes with a few of them changed, gone, doubled or put elsewhere."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at, size = chance.randrange(len(made) or 1), chance.randint(1, 20)
        piece = chance.choice(
            (b"", chance.randbytes(size), made[at : at + size] * 2, b"\n", b"\xef\xbb\xbf", b'"', b"}")
        )
        made[at : at + chance.choice((0, size))] = piece
    return bytes(made)


@pytest.mark.parametrize("kind", ["jsonl", "document", "csv", "protobuf"])
def test_no_damage_to_the_bytes_of_a_file_goes_unaccounted(kind: str, tmp_path: Path) -> None:
    chance = random.Random(f"{SEED}{kind}")
    records = [a_chat_record(trace_id=f"t{i}") for i in range(4)]
    whole = {
        "jsonl": b"\n".join(json.dumps(r).encode() for r in records),
        "document": json.dumps(records, indent=1).encode(),
        "csv": b"trace_id,input,output,started_at\n" + b't,"a, b",c,2025-06-02T12:00:00Z\n' * 4,
        "protobuf": a_request(1).SerializeToString(),
    }[kind]
    path = tmp_path / "a"
    for _ in range(ROUNDS):
        path.write_bytes(broken(whole, chance) or b" ")
        for block in read_blocks(path, BlockLimits(1_000_000, 1_000_000)):
            check(read_block("a", block, RULES, MATCH))
