"""A file of a kind that is not read is refused with its name and with what to do; text in UTF-16 is read."""

from __future__ import annotations

import gzip
import io
import pickle
import sqlite3
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.adapters.landing import read_blocks
from flywheel_pipeline.adapters.landing.kinds import unread_kind
from flywheel_pipeline_tests.adapters.landing.files import LIMITS, blocks_of, problems_of

COVERS = ("adapters/landing/kinds.py", "adapters/landing/unpack.py")

LINES = b'{"a": "gr\xc3\xbcn"}\n{"b": "\xf0\x9f\x99\x82"}\n'
ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


def zipped(*names: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, "{}")
    return held.getvalue()


def tarred() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        info = tarfile.TarInfo("traces.jsonl")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"{}"))
    return held.getvalue()


def a_database() -> bytes:
    with sqlite3.connect(":memory:") as con:
        con.execute("create table calls (id)")
        return con.serialize() if hasattr(con, "serialize") else b"SQLite format 3\x00" + b"\x00" * 84


UNREAD = {
    "ZIP": (zipped("traces.jsonl"), "a ZIP archive", "unpack it"),
    "empty ZIP": (zipped(), "a ZIP archive", "unpack it"),
    "workbook": (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook (.xlsx)", "CSV"),
    "document": (zipped("[Content_Types].xml", "word/document.xml"), "a Word document", "JSONL"),
    "Inspect": (zipped("_journal/start.json", "header.json"), "an Inspect .eval log", "messages"),
    "tar": (tarred(), "a tar archive", "unpack it"),
    "compressed tar": (gzip.compress(tarred()), "a tar archive", "unpack it"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04" + b"\x00" * 50, "a 7z archive", "unpack it"),
    "RAR": (b"Rar!\x1a\x07\x01\x00" + b"\x01" * 50, "a RAR archive", "unpack it"),
    "bzip2": (b"BZh91AY&SY\x00\x01", "a bzip2 file", "decompress it"),
    "xz": (b"\xfd7zXZ\x00\x00\x04", "an xz file", "decompress it"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3", "a PDF document", "JSONL"),
    "SQLite": (a_database(), "a SQLite database", "JSONL"),
    "pickle": (pickle.dumps({"a": 1}), "a Python pickle", "Parquet"),
    "Avro": (b"Obj\x01\x04\x14avro.codec", "an Avro file", "JSONL"),
    "Arrow": (b"ARROW1\x00\x00\xff\xff\xff\xff", "an Arrow (Feather) file", "Parquet"),
    "login page": (b"<!DOCTYPE html>\n<html><title>Sign in</title>", "an HTML page", "sign in and export again"),
    "bare page": (b"\xef\xbb\xbf  <html lang='en'><body>502, bad gateway", "an HTML page", "export again"),
    "XML": (b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code>, now", "XML", "JSONL"),
    "UTF-16 without a mark": ('{"question": "Is it late?"}'.encode("utf-16-le"), "text in UTF-16", "UTF-8"),
    "UTF-32 without a mark": ('{"question": "Is it late?"}'.encode("utf-32-be"), "text in UTF-32", "UTF-8"),
    "noise": (b"\x01\x02\xfe\xff\x00\x90\x91" * 20, "binary data of an unknown kind", "01 02 fe ff"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNREAD)
def test_a_file_of_another_kind_is_refused_with_its_name_and_what_to_do(tmp_path: Path, kind: str) -> None:
    data, name, advice = UNREAD[kind]
    (block,) = blocks_of(tmp_path, data)
    assert name in block.problem and advice in block.problem
    assert "OTLP" not in block.problem
    assert len(block.data) <= 1000


@pytest.mark.parametrize(
    "start", [b"BZh was here, he said\n1,2\n", b"ORC,elf\n1,2\n", b"MZ,PK\n1,2\n", b"PKs,b\n1,2\n"]
)
def test_a_table_whose_first_word_resembles_a_signature_is_a_table(tmp_path: Path, start: bytes) -> None:
    assert {(b.kind, b.problem) for b in blocks_of(tmp_path, start)} == {("rows", "")}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_text_with_a_byte_order_mark_is_read_whatever_its_encoding(
    tmp_path: Path, encoding: str, compress: Any
) -> None:
    text = LINES.decode()
    data = text.encode(encoding) if encoding in ("utf-16", "utf-32") else ("\ufeff" + text).encode(encoding)
    blocks = blocks_of(tmp_path, compress(data))
    assert problems_of(blocks) == []
    assert b"".join(b.data for b in blocks) == LINES
    assert {b.kind for b in blocks} == {"lines"}
    assert {b.offset for b in blocks} == {None}


def test_a_table_in_utf_16_has_its_columns(tmp_path: Path) -> None:
    (block,) = blocks_of(tmp_path, "question\tanswer\nWo?\tHier, grün.\n".encode("utf-16"))
    assert [row for _, row in block.rows] == [{"question": "Wo?", "answer": "Hier, grün."}]


def test_utf_16_that_breaks_off_is_reported_with_its_name_and_what_comes_before_is_read(tmp_path: Path) -> None:
    blocks = blocks_of(tmp_path, LINES.decode().encode("utf-16")[:-3])
    assert b"".join(b.data for b in blocks if not b.problem).startswith(LINES.split(b"\n")[0])
    (problem,) = problems_of(blocks)
    assert "UTF-16" in problem.upper()


def framed(*messages: bytes) -> bytes:
    """What the collector's file exporter writes with `compression: zstd`."""
    packed = [zstandard.ZstdCompressor().compress(m) for m in messages]
    return b"".join(len(p).to_bytes(4, "big") + p for p in packed)


def test_frames_of_the_collector_that_hold_json_are_lines(tmp_path: Path) -> None:
    blocks = blocks_of(tmp_path, framed(b'{"resourceSpans": []}\n', b'{"resourceSpans": [1]}'))
    assert [(b.kind, b.data, b.problem) for b in blocks] == [
        ("lines", b'{"resourceSpans": []}\n{"resourceSpans": [1]}\n', "")
    ]


def test_one_frame_of_the_collector_is_read_like_many(tmp_path: Path) -> None:
    (block,) = blocks_of(tmp_path, framed(b'{"resourceSpans": []}'))
    assert (block.data.strip(), block.problem) == (b'{"resourceSpans": []}', "")


def test_frames_of_the_collector_that_hold_protobuf_keep_their_lengths(tmp_path: Path) -> None:
    messages = [b"\x0a\x03\x0a\x01\x00", b"\x0a\x04\x0a\x02\x00\x01"]
    (block,) = blocks_of(tmp_path, framed(*messages))
    assert block.kind == "protobuf"
    assert block.data == b"".join(len(m).to_bytes(4, "big") + m for m in messages)


def test_frames_that_break_off_leave_what_comes_before(tmp_path: Path) -> None:
    line = b'{"resourceSpans": [{"scopeSpans": []}]}'
    blocks = blocks_of(tmp_path, framed(line, line, line)[:-5])
    assert b"".join(b.data for b in blocks if not b.problem) == (line + b"\n") * 2
    (problem,) = problems_of(blocks)
    assert "breaks off" in problem


def test_a_frame_that_is_a_bomb_is_refused(tmp_path: Path) -> None:
    blocks = blocks_of(tmp_path, framed(b"\x0a" * 100_000_000))
    (problem,) = problems_of(blocks)
    assert "decompression bomb" in problem


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([data for data, _, _ in UNREAD.values()] + [framed(b"{}")]))
def test_no_bytes_make_it_raise(tmp_path_factory: pytest.TempPathFactory, noise: bytes, start: bytes) -> None:
    for data in (noise, start[: len(noise)] + noise, noise + start):
        path = tmp_path_factory.getbasetemp() / "noise"
        path.write_bytes(data)
        assert all(b.problem or b.data or b.rows for b in read_blocks(path, LIMITS))
        unread_kind(data)
