"""Whatever a trace holds is shown, and does nothing."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.web.labelling.render import MAX_TEXT, render_markdown, render_trace
from flywheel_pipeline_tests.builders import a_trace

TAGS = {
    "article", "header", "h1", "h2", "h3", "h4", "h5", "h6", "button", "div", "p", "strong", "em", "a", "ul", "ol", "li",
    "pre", "code", "blockquote", "hr", "br", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "section",
}  # fmt: skip
ATTRIBUTES = {"class", "data-step", "type", "aria-pressed", "href", "target", "rel", "title", "start", "style"}


class Seen(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        self.attributes |= {(k, v or "") for k, v in attrs}


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


def rendered(*messages: dict, **changes) -> str:
    return render_trace(a_trace(messages=json.dumps(list(messages)), **changes))


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
    assert '<a target="_blank" rel="noopener noreferrer nofollow" href="https://e.example">' in html


def test_what_is_too_long_is_cut_and_shown_whole_when_asked() -> None:
    long = a_trace(messages=json.dumps([{"role": "user", "content": "x" * 5_000_000}]))
    assert len(render_trace(long)) < MAX_TEXT + 2_000 and "4,950,000 more characters" in render_trace(long)
    assert "x" * 5_000_000 in render_trace(long, whole=True)


def test_calls_results_and_documents_are_folded_with_what_they_are_about() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look_up", "arguments": '{"order": 7}'}}
    html = rendered(
        {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "content": '{"state": "sent"}'},
        retrieved=json.dumps([{"id": "d1", "title": "Returns", "content": "30 days", "score": 0.51234}]),
    )  # fmt: skip
    assert "<summary>Calls look_up: {&quot;order&quot;: 7}</summary>" in html
    assert "<summary>Returns · score 0.512</summary><pre>30 days</pre>" in html
    assert "&quot;state&quot;: &quot;sent&quot;\n}" in html


def a_call(name: str, call_id: object) -> dict:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


@pytest.mark.parametrize("ids", [("c1", "c2", "c2", "c1"), (None, None, None, None), ("c1", "c2", "c9", "c1")])
def test_a_result_stands_beside_its_call_by_id_or_else_by_order_and_keeps_its_number(ids: tuple) -> None:
    one, two, first, second = ids
    html = rendered(
        {"role": "assistant", "content": "", "tool_calls": [a_call("alpha", one), a_call("beta", two)]},
        {"role": "tool", "tool_call_id": first, "content": "1st"}, {"role": "tool", "tool_call_id": second, "content": "2nd"},
        {"role": "tool", "content": "3rd"}, {"role": "assistant", "content": "done"},
    )  # fmt: skip
    pairs = html.split('<div class="exchange">')[1:]
    assert ["alpha" in pairs[0], "beta" in pairs[1]] == [True, True]
    of_alpha, of_beta = ("2nd", "1st") if one else ("1st", "2nd")
    assert f"<pre>{of_alpha}</pre>" in pairs[0] and f"<pre>{of_beta}</pre>" in pairs[1]
    assert sorted(html.count(f'<article class="message tool" data-step="{n}">') for n in range(5)) == [0, 0, 1, 1, 1]
    assert harmless(html)


@pytest.mark.parametrize("call_id", [[1], {"a": 1}, 7, True])
def test_odd_ids_of_calls_hurt_nothing(call_id: object) -> None:
    answer = {"role": "tool", "tool_call_id": call_id, "content": "sent"}
    html = rendered({"role": "assistant", "tool_calls": [a_call("alpha", call_id)]}, answer)
    assert html.count("<pre>sent</pre>") == 1 and '<div class="exchange">' in html


def test_json_that_is_an_answer_is_indented_and_folded_when_it_is_long() -> None:
    short, long = json.dumps({"a": [1, "<b>"]}), json.dumps([{"n": n} for n in range(200)])
    assert "<pre>{\n  &quot;a&quot;: [\n    1,\n    &quot;&lt;b&gt;&quot;" in rendered(
        {"role": "user", "content": short}
    )
    html = rendered({"role": "assistant", "content": long})
    assert "<details><summary>JSON: [{&quot;n&quot;: 0}" in html and "&quot;n&quot;: 199\n" in html
    assert "<p>[see above]</p>" in rendered({"role": "user", "content": "[see above]"})


@pytest.mark.parametrize("messages", ["[]", "null", "{", '[1, null, {"content": {"a": 1}}]', "[" * 3000])
def test_odd_messages_are_shown_as_well_as_they_can_be(messages: str) -> None:
    assert harmless(render_trace(a_trace(messages=messages, retrieved="{")))
