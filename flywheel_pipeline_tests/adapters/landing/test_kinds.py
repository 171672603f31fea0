"""What a landing file holds is recognised by its content, whatever its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flywheel_pipeline.adapters.landing import BlockLimits, read_blocks
from flywheel_pipeline_tests.adapters.landing.files import LIMITS, PACKERS, blocks_of, peak_of, problems_of

COVERS = ("adapters/landing/__init__.py",)

BOM = b"\xef\xbb\xbf"
A, B = b'{"a": 1}', b'{"b": {"c": 2}}'
LONG = b'{"a": "' + b"x" * 70_000 + b'"}'
"""An object that does not fit into what is looked at first."""

KINDS = {
    "lines": (A + b"\n" + B + b"\n", "lines"),
    "lines without a last line end": (A + b"\n" + B, "lines"),
    "lines with CRLF": (A + b"\r\n" + B + b"\r\n", "lines"),
    "lines with a byte order mark": (BOM + A + b"\n" + B, "lines"),
    "lines after blank ones": (b"\n \n" + A + b"\n" + B, "lines"),
    "indented lines": (b"  " + A + b"\n  " + B, "lines"),
    "lines of arrays": (b"[" + A + b"]\n[" + B + b"]\n", "lines"),
    "long lines": (LONG + b"\n" + B + b"\n", "lines"),
    "lines of which the first breaks off": (b'{"a": \n' + A + b"\n" + B, "lines"),
    "text that is no JSON": (b"hello\nworld\n", "lines"),
    "one object": (A, "document"),
    "one object and a line end": (A + b"\n", "document"),
    "one long object": (LONG, "document"),
    "an array on one line": (b"[" + A + b", " + B + b"]\n", "document"),
    "an array with an item a line": (b"[\n" + A + b",\n" + B + b"\n]", "document"),
    "a printed object": (json.dumps({"a": {"b": 1}, "c": [{}]}, indent=2).encode(), "document"),
    "a printed array": (json.dumps([{"a": 1}, {}], indent=1).encode(), "document"),
    "printed objects one after the other": (json.dumps({"a": 1}, indent=2).encode() * 2, "document"),
    "a printed document with a byte order mark": (BOM + json.dumps({"a": [1]}, indent=2).encode(), "document"),
    "CSV": (b"input,output\nq,a\n", "rows"),
    "CSV with a byte order mark": (BOM + b"input,output\nq,a\n", "rows"),
    "CSV with quoted names": (b'"input","output"\n"q","a"\n', "rows"),
    "CSV with semicolons": (b"input;output\nq;a\n", "rows"),
    "tabs": (b"input\toutput\nq\ta\n", "rows"),
    "CSV of another encoding": ("input,output\ngrün,schön\n".encode("latin-1"), "rows"),
    "protobuf": (b"\x0a\x8f\x03\x0a\x11\x0a\x0f\x0a\x07service\x00\x01\x02", "protobuf"),
}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_recognised_by_its_content_also_when_compressed(tmp_path: Path, kind: str, packer: str) -> None:
    data, expected = KINDS[kind]
    blocks = blocks_of(tmp_path, PACKERS[packer](data))
    assert problems_of(blocks) == []
    assert {b.kind for b in blocks} == {expected}
    if expected != "rows":
        assert b"".join(b.data for b in blocks) == data


@pytest.mark.parametrize("first", [b'ext": "a", "b": 1}', b'"text", "b": 1}', b"WARN: started, then stopped"])
def test_lines_stay_lines_where_the_first_one_is_the_rest_of_another(tmp_path: Path, first: bytes) -> None:
    data = first + b"\n" + (A + b"\n") * 5
    assert {b.kind for b in blocks_of(tmp_path, data)} == {"lines"}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("data", [b"", BOM, b" \n\r\n\t", b"\n" * 1000])
def test_an_empty_file_is_one_problem_of_the_whole_file(tmp_path: Path, data: bytes, packer: str) -> None:
    (block,) = blocks_of(tmp_path, PACKERS[packer](data))
    assert (block.first_line, block.data) == (0, b"")
    assert "the file is empty" in block.problem


@pytest.mark.parametrize(
    ("data", "kind"), [(b"[" + b" " * 200 + b"]", "document"), (b"\x0a" + b"\x00" * 200, "protobuf")]
)
def test_what_must_be_read_as_one_has_a_limit_and_the_reason_names_the_setting(
    tmp_path: Path, data: bytes, kind: str
) -> None:
    fits, exceeds = BlockLimits(1000, len(data)), BlockLimits(1000, len(data) - 1)
    assert problems_of(blocks_of(tmp_path, data, fits)) == []
    (block,) = blocks_of(tmp_path, data, exceeds)
    assert (block.kind, len(block.data) <= 1000) == (kind, True)
    assert "capture.max_document_mb" in block.problem and str(len(data) - 1) in block.problem


def test_a_document_beyond_the_limit_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    path.write_bytes(b"[" + b" " * 60_000_000 + b"]")
    assert peak_of(lambda: read_blocks(path, LIMITS)) < 3 * LIMITS.document


@pytest.mark.parametrize("name", ["", "gone.jsonl"])
def test_what_cannot_be_opened_is_a_problem_with_the_system_s_reason(tmp_path: Path, name: str) -> None:
    (block,) = read_blocks(tmp_path / name, LIMITS)
    assert block.problem.startswith("cannot be read: ")
    assert "directory" in block.problem
