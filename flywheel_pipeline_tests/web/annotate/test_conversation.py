"""Whatever a trace holds is shown as what it is, in pieces, and does nothing."""

from __future__ import annotations

import base64
import json
import struct
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.web.annotate.conversation import Conversation
from flywheel_pipeline.web.annotate.markdown import render_markdown
from flywheel_pipeline.web.annotate.render import FOLDED, LONGEST_PIECE, OPEN, read_piece, render_piece
from flywheel_pipeline_tests.builders import a_trace

COVERS = (
    "web/annotate/conversation.py",
    "web/annotate/render.py",
    "web/annotate/markdown.py",
    "web/templates.py",
)

TAGS = {
    "article", "header", "h1", "h2", "h3", "h4", "h5", "h6", "button", "div", "p", "strong", "em", "a", "ul", "ol", "li",
    "pre", "code", "blockquote", "hr", "br", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "section", "span",
}  # fmt: skip
ATTRIBUTES = {"class", "data-step", "type", "aria-pressed", "href", "target", "rel", "title", "start", "style", "dir",
              "tabindex", "data-address", "data-next", "data-from", "data-to"}  # fmt: skip


class Seen(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.steps: list[int] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(k, v or "") for k, v in attrs}
        self.steps += [int(v or "") for k, v in attrs if tag == "article" and k == "data-step"]


def harmless(html: str) -> bool:
    seen = Seen(html)
    links = {v for k, v in seen.attributes if k == "href"}
    styles = {v for k, v in seen.attributes if k == "style"}
    return (
        seen.tags <= TAGS
        and {k for k, _ in seen.attributes} <= ATTRIBUTES
        and all(v.lower().startswith(("http:", "https:", "mailto:")) for v in links)
        and styles <= {"text-align:left", "text-align:right", "text-align:center"}
    )


def conversation(*messages: Any, **changes: Any) -> Conversation:
    return Conversation(a_trace(messages=json.dumps(list(messages)), **changes))


def rendered(*messages: Any, **changes: Any) -> str:
    return str(render_piece(conversation(*messages, **changes))["html"])


EVIL = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![x](https://e.example/p.png)",
    "[x](data:text/html,<script>)", "<a href='javascript:1'>", '[x](https://e.example "\" onclick=alert(1)")', "[x](vbscript:1)",
    "<https://e.example/<script>>", "[x](//e.example)", "[j](java\nscript:1)", "</article></main><form action=//e.example>",
)  # fmt: skip


@pytest.mark.parametrize("text", EVIL)
def test_markup_in_a_trace_stays_text(text: str) -> None:
    call = {"id": "c", "type": "function", "function": {"name": text, "arguments": json.dumps({"a": text})}}
    html = rendered(
        {"role": "system", "content": text}, {"role": text, "content": text}, {"role": "user", "content": text, "name": text},
        {"role": "assistant", "content": [{"type": "text", "text": text}, {"type": text}], "tool_calls": [call]},
        {"role": "tool", "content": text}, error=text, retrieved=json.dumps([{"id": text, "title": text, "content": text}]),
    )  # fmt: skip
    assert harmless(html), html


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from([*EVIL, "\n", "`", "```", "|", "# ", "- ", "> ", "*", "&lt;", "[", "](", ")"]), max_size=12
    ).map("".join)
)
def test_no_mixture_of_markup_gets_through(text: str) -> None:
    assert harmless(render_markdown(text))


def test_markdown_is_rendered_and_links_lead_out_safely() -> None:
    html = render_markdown("**so** [a](https://e.example)\n\n| a |\n|---|\n| b |")
    assert "<strong>so</strong>" in html and "<td>b</td>" in html
    assert '<a href="https://e.example" target="_blank" rel="noopener noreferrer nofollow">' in html


def test_a_long_text_is_sent_in_pieces_that_together_are_the_text() -> None:
    text = "".join(chr(97 + n % 26) for n in range(5_000_000))
    found = conversation({"role": "user", "content": text})
    html = render_piece(found)["html"]
    assert len(html) < OPEN + 2_000 and "4,980,000 more characters" in html and 'data-address="m0.0"' in html
    pieces, at = [text[:OPEN]], OPEN
    while at is not None:
        piece = read_piece(found, "m0.0", at)
        assert len(piece["text"]) <= LONGEST_PIECE
        pieces.append(piece["text"])
        at = piece["next"]
    assert "".join(pieces) == text


def test_what_is_folded_is_sent_only_in_part() -> None:
    html = rendered({"role": "system", "content": "x" * 50_000}, {"role": "user", "content": "Hello"})
    assert html.count("x") < FOLDED + 100 and '<details class="partial">' in html and "48,000 more characters" in html


def test_a_long_trace_comes_in_pieces_that_hold_every_message_once() -> None:
    found = conversation(
        *({"role": ("user", "assistant")[n % 2], "content": f"[{n}] " + "word " * 3_000} for n in range(200))
    )
    start: int | None = 0
    steps: list[int] = []
    while start is not None:
        piece = render_piece(found, start)
        assert piece["first"] == start and len(piece["html"]) < 400_000
        steps += Seen(piece["html"]).steps
        start = piece["next"]
    assert steps == list(range(200))


def test_a_piece_ends_where_the_next_is_already_shown() -> None:
    found = conversation(*({"role": "user", "content": str(n)} for n in range(100)))
    piece = render_piece(found, 10, end=19)
    assert (piece["first"], piece["next"]) == (10, 20) and Seen(piece["html"]).steps == list(range(10, 20))


def test_a_piece_from_a_result_begins_with_its_call() -> None:
    call = {"role": "assistant", "tool_calls": [a_call("alpha", "c1")]}
    found = conversation(
        {"role": "user", "content": "hi"}, call, {"role": "tool", "content": "sent"}, {"role": "user", "content": "?"}
    )
    piece = render_piece(found, 2)
    assert (piece["first"], Seen(piece["html"]).steps) == (1, [1, 2, 3])


@pytest.mark.parametrize(
    "address", ["", "m", "m0", "m9.0", "m0.9", "m0.c0", "d0", "e1", "m-1.0", "m²", "x0.0", "m99999999999.0", "m0.0.0"]
)
def test_there_is_no_text_at_an_odd_address(address: str) -> None:
    with pytest.raises(LookupError):
        read_piece(conversation({"role": "user", "content": "hi"}), address, 0)


def test_calls_results_and_documents_are_folded_with_what_they_are_about() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look_up", "arguments": '{"order": 7}'}}
    html = rendered(
        {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "content": '{"state": "sent"}'},
        retrieved=json.dumps([{"id": "d1", "title": "Returns", "content": "30 days", "score": 0.51234}]),
    )  # fmt: skip
    assert "Calls look_up: { &#34;order&#34;: 7 }</span>" in html and "{\n  &#34;order&#34;: 7\n}</pre>" in html
    assert "Returns · score 0.512</span>" in html and ">30 days</pre>" in html
    assert "&#34;state&#34;: &#34;sent&#34;\n}</pre>" in html
    assert "Retrieved documents (1)" in html


def test_texts_follow_their_own_direction_and_json_does_not() -> None:
    html = rendered(
        {"role": "user", "content": "שלום"}, {"role": "tool", "content": "{}"}, {"role": "tool", "content": "مرحبا"}
    )
    assert '<div class="text" dir="auto"><p>שלום</p>' in html and '<pre dir="ltr" class="json">' in html
    assert '<pre dir="auto" class="plain">مرحبا</pre>' in html


PNG = base64.b64encode(
    b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480) + bytes(range(256)) * 90
).decode()


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        ([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}], "Image, not loaded: image/png, 640 × 480, 23 KB"),
        ([{"type": "image_url", "image_url": {"url": "https://e.example/cat.png?key=s3cret"}}], "Image, not loaded: https://e.example/cat.png<"),
        ([{"type": "image", "alt": "a cat", "source": {"media_type": "image/png", "data": PNG}}], "Image, not loaded: a cat, image/png, 640 × 480, 23 KB"),
        ([{"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}}], "Audio, not loaded: wav, "),
        ([{"type": "file", "file": {"filename": "bill.pdf"}}], "File, not loaded: bill.pdf"),
        ("see ![a cat](https://e.example/cat.png)", "Image, not loaded: a cat, https://e.example/cat.png<"),
        (f"![](data:image/png;base64,{PNG})", "Image, not loaded: image/png, 640 × 480, 23 KB"),
        ("Look:\n[image_url]\nWhat is it?", "Image, not loaded<"),
        ("Look:\n[image: a cat, 24 KB]\nWhat is it?", "Image, not loaded: a cat, 24 KB<"),
    ],
)  # fmt: skip
def test_an_image_is_said_to_be_one_and_is_never_loaded(content: Any, reported: str) -> None:
    html = rendered({"role": "user", "content": content})
    assert reported in html and PNG[:300] not in html and "s3cret" not in html
    assert harmless(html) and "src=" not in html


def test_data_in_the_json_of_a_tool_is_described() -> None:
    html = rendered({"role": "tool", "content": json.dumps({"image": PNG, "token": "abc" * 100})})
    assert "[data, not shown: 640 × 480, 23 KB]" in html and "abcabc" in html


def test_a_list_that_is_no_list_of_parts_is_shown_as_json() -> None:
    html = rendered({"role": "user", "content": [{"id": 1}, {"id": 2}]}, {"role": "user", "content": {"a": [1]}})
    assert "&#34;id&#34;: 1" in html and "&#34;a&#34;: [\n" in html and "&#39;id&#39;" not in html


def a_call(name: str, call_id: object) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


@pytest.mark.parametrize("ids", [("c1", "c2", "c2", "c1"), (None, None, None, None), ("c1", "c2", "c9", "c1")])
def test_a_result_stands_beside_its_call_by_id_or_else_by_order_and_keeps_its_number(
    ids: tuple[str | None, ...],
) -> None:
    one, two, first, second = ids
    html = rendered(
        {"role": "assistant", "content": "", "tool_calls": [a_call("alpha", one), a_call("beta", two)]},
        {"role": "tool", "tool_call_id": first, "content": "1st"}, {"role": "tool", "tool_call_id": second, "content": "2nd"},
        {"role": "tool", "content": "3rd"}, {"role": "assistant", "content": "done"},
    )  # fmt: skip
    pairs = html.split('<div class="exchange">')[1:]
    assert ["alpha" in pairs[0], "beta" in pairs[1]] == [True, True]
    of_alpha, of_beta = ("2nd", "1st") if one else ("1st", "2nd")
    assert f">{of_alpha}</pre>" in pairs[0] and f">{of_beta}</pre>" in pairs[1]
    assert sorted(html.count(f'<article class="message tool" data-step="{n}"') for n in range(5)) == [0, 0, 1, 1, 1]
    assert harmless(html)


@pytest.mark.parametrize("call_id", [[1], {"a": 1}, 7, True])
def test_odd_ids_of_calls_hurt_nothing(call_id: object) -> None:
    answer = {"role": "tool", "tool_call_id": call_id, "content": "sent"}
    html = rendered({"role": "assistant", "tool_calls": [a_call("alpha", call_id)]}, answer)
    assert html.count(">sent</pre>") == 1 and '<div class="exchange">' in html


def test_json_that_is_an_answer_is_indented_and_folded_when_it_is_long() -> None:
    short, long = json.dumps({"a": [1, "<b>"]}), json.dumps([{"n": n} for n in range(150)])
    html = rendered({"role": "user", "content": short})
    assert (
        '<pre dir="ltr" class="json">{\n  &#34;a&#34;: [\n    1,\n    &#34;&lt;b&gt;&#34;' in html
        and "<details" not in html
    )
    html = rendered({"role": "assistant", "content": long})
    assert "JSON: [ { &#34;n&#34;: 0 }" in html and "<details" in html
    assert "<p>[see above]</p>" in rendered({"role": "user", "content": "[see above]"})


def test_results_that_call_tools_themselves_hide_nothing() -> None:
    chain = [{"role": "tool", "content": f"result {n}", "tool_calls": [a_call("again", None)]} for n in range(1_500)]
    found = conversation({"role": "assistant", "tool_calls": [a_call("alpha", None)]}, *chain)
    steps: list[int] = []
    start: int | None = 0
    while start is not None:
        piece = render_piece(found, start)
        steps, start = steps + Seen(piece["html"]).steps, piece["next"]
    assert sorted(steps) == list(range(1_501))


@pytest.mark.parametrize("messages", ["[]", "null", "{", '[1, null, {"content": {"a": 1}}]', "[" * 3000])
def test_odd_messages_are_shown_as_well_as_they_can_be(messages: str) -> None:
    found = Conversation(a_trace(messages=messages, retrieved="{"))
    assert harmless(render_piece(found)["html"])
    assert found.outline(10)


def test_the_outline_names_every_message_by_its_first_words() -> None:
    found = conversation(
        {"role": "user", "content": "How do\nI pair it? " + "x" * 99},
        {"role": "assistant", "tool_calls": [a_call("look_up", 1)]},
    )
    (first, second) = found.outline(10)
    assert first == (0, "user", "How do I pair it? " + "x" * 41 + "…") and second == (1, "assistant", "Calls look_up")
    assert len(found.outline(1)) == 1
