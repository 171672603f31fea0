"""Bar charts small enough for Dagster to show inline, and readable on a light and on a dark page."""

from collections.abc import Sequence
from html import escape
from itertools import accumulate
from urllib.parse import quote

import dagster as dg

BAR, RANGE, LINE = "#8ad", "#b40", "#075"
PAPER = "#fff"
"""The chart has a ground of its own: a picture does not know whether the page around it is dark."""
INLINE = 1000
"""The UI shows Markdown inline only under so many characters."""
ROW, LABEL_WIDTH, BAR_WIDTH, MAX_LABEL = 14, 190, 200, 34
PLAIN = " ='/:;,.-()!?&+"
"""Characters of an SVG that need no escape within the angle brackets of a Markdown image."""


def bars(
    values: Sequence[tuple[str, float]], ranges: Sequence[tuple[float, float]] = (), cumulative: bool = False
) -> dg.MarkdownMetadataValue:
    """Return horizontal bars of (label, value) as a small SVG with each value beside its bar: a count, or a share.

    `ranges` draws an interval over every bar. `cumulative` adds the line of a Pareto chart: the share of all that the
    bars so far make up, 100 % at the right. Labels are cut to the longest that fit; the table beside a chart holds
    them whole.
    """
    top = max([v for _, v in values] + [high for _, high in ranges] + [1e-9])
    scale = BAR_WIDTH / top
    path = "".join(f"M{LABEL_WIDTH} {i * ROW + 7}h{v * scale:.0f}" for i, (_, v) in enumerate(values))
    line = "".join(
        f"M{LABEL_WIDTH + low * scale:.0f} {i * ROW + 7}h{max(1, (high - low) * scale):.0f}"
        for i, (low, high) in enumerate(ranges)
    )
    pareto = _cumulative([v for _, v in values]) if cumulative else ""
    texts = (
        _image(_svg([f"{cut(label, n)} {_number(v)}" for label, v in values], path, line, pareto))
        for n in range(MAX_LABEL, 0, -1)
    )
    return dg.MetadataValue.md(next((t for t in texts if len(t) < INLINE), f"{len(values)} bars; see the table"))


def cut(text: str, length: int) -> str:
    """Return a text of at most `length` characters, with an ellipsis where it was longer."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.0%}"


def _cumulative(values: Sequence[float]) -> str:
    total, sums = sum(values) or 1.0, accumulate(values)
    points = " ".join(f"{LABEL_WIDTH + BAR_WIDTH * s / total:.0f} {i * ROW + 7}" for i, s in enumerate(sums))
    return f"<path stroke='{LINE}' fill='none' d='M{points}'/>" if values else ""


def _svg(labels: Sequence[str], path: str, line: str, more: str = "") -> str:
    names = "".join(f"<text y='{i * ROW + 10}'>{escape(label)}</text>" for i, label in enumerate(labels))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{LABEL_WIDTH + BAR_WIDTH + 8}' height='{len(labels) * ROW}' "
        f"style='background:{PAPER}' font-size='10' font-family='sans-serif'><path stroke='{BAR}' stroke-width='10' "
        f"d='{path}'/><path stroke='{RANGE}' stroke-width='2' d='{line}'/>{more}"
        f"<g transform='translate({LABEL_WIDTH - 5})' text-anchor='end'>{names}</g></svg>"
    )


def _image(svg: str) -> str:
    return f"![chart](<data:image/svg+xml;utf8,{quote(svg, safe=PLAIN)}>)"
