"""Parts that are not text are described in a few words."""

from __future__ import annotations

import base64
import time

import pytest

from flywheel_pipeline.web.annotate.media import describe_data, describe_part, size_of, without_data

GIF = base64.b64encode(b"GIF89a\x10\x00\x08\x00" + bytes(range(256)) * 8).decode()


@pytest.mark.parametrize(
    ("n", "reported"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (24_400, "24 KB"), (999_499, "999 KB"), (999_500, "1.0 MB")],
)
def test_sizes_are_rounded(n: int, reported: str) -> None:
    assert size_of(n) == reported


def test_only_what_looks_like_data_is_described() -> None:
    assert describe_data(GIF) == "16 × 8, 2 KB"
    assert describe_data("data:image/gif;base64," + GIF) == "image/gif, 16 × 8, 2 KB"
    for text in ("", "hello", "a" * 5_000, "0123456789abcdef" * 200, "data:,hello", "word " * 1_000):
        assert describe_data(text) is None


@pytest.mark.parametrize("part", [{}, {"type": "text"}, {"type": ["image"]}, {"type": "tool_use"}])
def test_other_parts_are_left_alone(part: dict[str, object]) -> None:
    assert describe_part(part) is None


@pytest.mark.parametrize(
    "part", [{"type": "image"}, {"type": "image_url", "image_url": None}, {"type": "image", "image": 7}]
)
def test_an_image_of_which_nothing_is_known_is_an_image(part: dict[str, object]) -> None:
    assert describe_part(part) == "Image, not loaded"


def test_data_in_a_text_is_replaced_and_the_rest_stays() -> None:
    url = "data:image/gif;base64," + GIF
    assert without_data(f"a ![x]({url}) b") == "a [Image, not loaded: x, image/gif, 16 × 8, 2 KB] b"
    assert without_data(f"a {url} b") == "a [data, not shown: image/gif, 16 × 8, 2 KB] b"
    assert without_data("plain ;base64, text") == "plain ;base64, text"


@pytest.mark.parametrize(
    "text",
    [
        "![" * 50_000 + ";base64,",
        "data:" * 50_000 + ";base64,",
        "A1b" * 100_000 + "!",
        "![a](data:" * 20_000 + ";base64,",
    ],
)
def test_no_text_makes_it_slow(text: str) -> None:
    started = time.process_time()
    without_data(text)
    describe_data(text)
    assert time.process_time() - started < 1
