"""Bar charts as text: Dagster shows them inline, in the colours of its page, light or dark, and they can be copied."""

from collections.abc import Sequence
from itertools import accumulate

import dagster as dg

from flywheel_pipeline.words import show_number

INLINE = 1000
"""The UI shows Markdown inline only under so many characters."""
WIDTH, MAX_LABEL = 20, 30
FULL, PARTS = "█", " ▏▎▍▌▋▊▉"
ESTIMATE, AT_MOST = "▓", "░"


def bars(
    values: Sequence[tuple[str, float]],
    ranges: Sequence[tuple[float, float]] = (),
    cumulative: bool = False,
    percent: bool = False,
) -> dg.MarkdownMetadataValue:
    """Return horizontal bars of (label, value), each with its number: a count, or with `percent` a share of 1.

    `ranges` adds an interval to every bar, which is dark up to the lower bound, lighter up to the value and lightest up
    to the upper bound. `cumulative` adds what a Pareto chart shows: the share of all that the bars so far make up.
    Labels are cut to the longest that fit; the table beside a chart holds them whole.
    """
    top = max([v for _, v in values] + [high for _, high in ranges] + [1e-9])
    shapes = (
        [_interval(v / top, low / top, high / top) for (_, v), (low, high) in zip(values, ranges, strict=True)]
        if ranges
        else [_bar(v / top) for _, v in values]
    )
    beside = [_right([_number(v, percent) for _, v in values])]
    beside += (
        [_right([f"{_number(low, percent)} to {_number(high, percent)}" for low, high in ranges])] if ranges else []
    )
    beside += [_right([f"{s:.0%} so far" for s in _shares([v for _, v in values])])] if cumulative else []
    ends = [" ".join(parts).rstrip() for parts in zip(*beside, shapes, strict=True)]
    texts = (_block([label for label, _ in values], ends, n) for n in range(MAX_LABEL, 0, -1))
    return dg.MetadataValue.md(next((t for t in texts if len(t) < INLINE), f"{len(values)} bars; see the table"))


def cut(text: str, length: int) -> str:
    """Return a text of at most `length` characters, with an ellipsis where it was longer."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _block(labels: Sequence[str], ends: Sequence[str], longest: int) -> str:
    shown = [cut(_plain(label), longest) for label in labels]
    width = max(map(len, shown), default=0)
    lines = (f"{label:<{width}} {end}" for label, end in zip(shown, ends, strict=True))
    return "\n".join(["```", *lines, "```"])


def _plain(label: str) -> str:
    """Return a label on one line that cannot close the block that it stands in."""
    return " ".join("".join(c if c.isprintable() else " " for c in label).split()).replace("`", "'")


def _bar(share: float) -> str:
    eighths = round(share * WIDTH * 8)
    return FULL * (eighths // 8) + PARTS[eighths % 8].strip()


def _interval(value: float, low: float, high: float) -> str:
    sure, estimate, most = (round(share * WIDTH) for share in (min(low, value), value, max(high, value)))
    return FULL * sure + ESTIMATE * (estimate - sure) + AT_MOST * (most - estimate)


def _shares(values: Sequence[float]) -> list[float]:
    total = sum(values) or 1.0
    return [s / total for s in accumulate(values)]


def _number(value: float, percent: bool) -> str:
    return f"{value:.0%}" if percent else show_number(value)


def _right(texts: Sequence[str]) -> list[str]:
    width = max(map(len, texts), default=0)
    return [f"{text:>{width}}" for text in texts]
