"""Images, sound and files in messages: what they are is kept, their bytes are not."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from flywheel_pipeline.steps.capture.media import BOUND, described, without_payloads
from flywheel_pipeline.steps.capture.parts import parts_of
from flywheel_pipeline.web.annotate.media import PLACEHOLDER
from flywheel_pipeline_tests.builders import a_chat_record
from flywheel_pipeline_tests.steps.capture.test_read import LIMITS, read

DATA = base64.b64encode(random.Random(1).randbytes(24_000)).decode()
URL = f"data:image/png;base64,{DATA}"

PARTS: list[tuple[dict[str, Any], str]] = [
    ({"type": "image_url", "image_url": {"url": "https://x.test/a.png?sig=1", "detail": "low"}, "alt": "a red bicycle"},
     "[image_url: a red bicycle, detail low, https://x.test/a.png]"),
    ({"type": "image_url", "image_url": {"url": URL}}, "[image_url: image/png, 24 KB]"),
    ({"type": "input_image", "image_url": URL, "detail": "high"}, "[input_image: detail high, image/png, 24 KB]"),
    ({"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": DATA}}, "[image: image/webp, 24 KB]"),
    ({"type": "image", "source": {"type": "url", "url": "https://x.test/b.png"}}, "[image: https://x.test/b.png]"),
    ({"inlineData": {"mimeType": "image/png", "data": DATA}}, "[image: image/png, 24 KB]"),
    ({"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/x.pdf"}}, "[file: application/pdf, gs://b/x.pdf]"),
    ({"image": {"format": "png", "source": {"bytes": DATA}}}, "[image: png, 24 KB]"),
    ({"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}}, "[input_audio: wav, 24 KB]"),
    ({"type": "file", "file": {"filename": "bill.pdf", "file_data": URL}}, "[image: bill.pdf, image/png, 24 KB]"),
    ({"type": "file", "file": {"file_id": "f-1"}}, "[file: f-1]"),
    ({"type": "blob", "modality": "audio", "content": DATA}, "[audio: 24 KB]"),
    ({"type": "uri", "modality": "image", "uri": "https://x.test/c"}, "[image: https://x.test/c]"),
    ({"type": "image"}, "[image]"),
    ({"type": "image", "alt": "a [b]\nc", "url": "x" * 50}, "[image: a (b) c, " + "x" * 50 + "]"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "shown"), PARTS)
def test_a_part_says_what_it_holds(part: dict[str, Any], shown: str) -> None:
    assert parts_of([part, {"type": "text", "text": "What is it?"}]).texts == [shown, "What is it?"]
    assert len(shown) < 310


@pytest.mark.parametrize(("part", "shown"), PARTS)
def test_the_labelling_page_knows_every_description(part: dict[str, Any], shown: str) -> None:
    assert PLACEHOLDER.fullmatch(shown)


def test_a_long_description_is_cut() -> None:
    found = described({"alt": "word " * 500, "detail": "low", "url": "https://x.test/" + "y" * 500}, "image")
    assert found is not None and len(found) < 310 and PLACEHOLDER.fullmatch(found)


def test_text_is_no_media() -> None:
    assert described({"text": "x"}, "text") is None
    assert described({"text": "x"}, "") is None


@pytest.mark.parametrize(
    "content",
    [f"See ![]({URL})", [{"type": "image_url", "image_url": {"url": URL}}], [{"type": "image", "data": DATA}]],
)
def test_base64_is_not_kept_beyond_a_bound(content: Any) -> None:
    record = a_chat_record(messages=[{"role": "user", "content": content}])
    (trace,) = read(json.dumps(record).encode(), limits=LIMITS).traces
    assert len(trace.messages) < 500 and len(trace.input) < 500
    assert "24 KB" in trace.messages


def test_a_trace_of_spans_keeps_none_either() -> None:
    span = {
        "traceId": "a" * 32, "spanId": "b" * 16, "startTimeUnixNano": 1_748_772_000_000_000_000, "name": "chat",
        "attributes": {"gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": URL}]}])},
    }  # fmt: skip
    (trace,) = read(json.dumps(span).encode()).traces
    assert trace.spans is not None and len(trace.spans) < 2_000


@pytest.mark.parametrize("text", ["x" * 50_000, "0123456789abcdef" * 1_000, "Lorem ipsum dolor " * 3_000, URL[:BOUND]])
def test_what_is_no_payload_is_kept_whole(text: str) -> None:
    assert without_payloads(json.dumps({"a": text})) == json.dumps({"a": text})


def test_what_is_left_is_json() -> None:
    inner = json.dumps({"data": DATA, "url": URL})
    found = json.loads(without_payloads(json.dumps({"a": DATA, "b": inner, "c": "kept"})))
    assert found["a"] == "(24 KB of base64 not kept)" and found["c"] == "kept"
    assert json.loads(found["b"]) == {
        "data": "(24 KB of base64 not kept)",
        "url": "data:image/png;base64,(24 KB not kept)",
    }
