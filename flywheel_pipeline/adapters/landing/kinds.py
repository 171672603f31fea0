"""File kinds that are not read, recognised by their first bytes: the reason names the kind and says what to do."""

from __future__ import annotations

import re

UNPACK = "unpack it and put the files inside into the folder"
AS_JSON = "export the traces as JSON, JSONL, CSV or Parquet"
_WIDE = "text in UTF-{} without a byte order mark"

_RECOMPRESS = "decompress it, or compress it with gzip or zstd"
_TO_PARQUET = "convert it to Parquet or JSONL"
_SAMPLES = "an evaluation log holds no production traces; read_eval_log of inspect_ai gives its samples as messages"
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (rb"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (rb"BZh[1-9]1AY&SY", "a bzip2 file", _RECOMPRESS),
    (rb"\xfd7zXZ\x00", "an xz file", _RECOMPRESS),
    (rb"\x04\x22\x4d\x18", "an lz4 file", _RECOMPRESS),
    (rb"%PDF-", "a PDF document", AS_JSON),
    (rb"SQLite format 3\x00", "a SQLite database", AS_JSON),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (.xls, .doc)", "save it as CSV (UTF-8)"),
    (rb"\{\\rtf", "an RTF document", AS_JSON),
    (rb"Obj\x01", "an Avro file", _TO_PARQUET),
    (rb"ORC[^ -~\s]", "an ORC file", _TO_PARQUET),
    (rb"ARROW1\x00\x00|FEA1[^ -~\s]|\xff\xff\xff\xff", "an Arrow (Feather) file", _TO_PARQUET),
    (rb"\x93NUMPY", "a NumPy file", _TO_PARQUET),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file", _TO_PARQUET),
    (rb"\x80[\x02-\x05][\x95}\]\(c]", "a Python pickle", "pickles can run code: convert it to Parquet or JSONL"),
    (rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a", "an image", AS_JSON),
    (rb"\x7fELF|MZ\x90\x00", "a program", AS_JSON),
    (rb"(?s).{257}ustar", "a tar archive", UNPACK),
    (rb"(?s).{8}DUCK", "a DuckDB database", AS_JSON),
    (rb"(?s)(?:[\t\n\r -~]\x00\x00\x00){4}|(?:\x00\x00\x00[\t\n\r -~]){4}", _WIDE.format(32), "save it as UTF-8"),
    (rb"(?s)(?:[\t\n\r -~]\x00){8}|(?:\x00[\t\n\r -~]){8}", _WIDE.format(16), "save it as UTF-8"),
)
_KINDS = tuple((re.compile(signature), kind, advice) for signature, kind, advice in _SIGNATURES)
_HTML = re.compile(rb"(?i)<!doctype html|<html[\s>]|<head[\s>]|<body[\s>]")
_ZIPPED = (
    (b"xl/", "an Excel workbook (.xlsx)", "save it as CSV (UTF-8)"),
    (b"word/", "a Word document (.docx)", AS_JSON),
    (b"_journal/", "an Inspect .eval log", _SAMPLES),
    (b"header.json", "an Inspect .eval log", _SAMPLES),
)


def unread_kind(head: bytes) -> str:
    """Return why a file that begins with `head` is not read, and what to do instead; empty if it may be read."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _problem(*_zipped(head))
    for signature, kind, advice in _KINDS:
        if signature.match(head):
            return _problem(kind, advice)
    return _markup(head)


def unknown_binary(head: bytes) -> str:
    """Return the reason for refusing binary data of no known kind."""
    return _problem(f"binary data of an unknown kind (it begins with the bytes {head[:8].hex(' ')})", AS_JSON)


def _zipped(head: bytes) -> tuple[str, str]:
    """Return (kind, advice) of a ZIP archive, by the names of the files in it."""
    names = _names(head)
    for part, kind, advice in _ZIPPED:
        if any(name.startswith(part) for name in names):
            return kind, advice
    return "a ZIP archive", UNPACK


def _names(head: bytes) -> list[bytes]:
    """Return the names of the files in the first bytes of a ZIP archive (APPNOTE 4.3.7: a local file header)."""
    starts = [m.start() for m in re.finditer(rb"PK\x03\x04", head)]
    return [head[at + 30 : at + 30 + int.from_bytes(head[at + 26 : at + 28], "little")] for at in starts]


def _markup(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1000]
    if not start.startswith(b"<"):
        return ""
    if _HTML.search(start):
        return _problem("an HTML page", "perhaps the login or error page of the service: sign in and export again")
    return _problem("XML", AS_JSON) if re.match(rb"<[?!A-Za-z]", start) else ""


def _problem(kind: str, advice: str) -> str:
    return f"the file is {kind}, which is not read: {advice}"
