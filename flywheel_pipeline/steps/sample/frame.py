"""The traces that may be sampled, with the signals that are known without a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from flywheel_pipeline.records import RawTrace, columns

NONE = "(none)"
"""The value of a stratum of a trace that does not have it."""
MIN_POOL = 1_000
"""The least size of the pools of flagged and of ordinary traces; the draw takes time quadratic in them."""
LEAST = 20
"""The least number of traces of every stratum in the pools."""
TAGS_IN: tuple[tuple[str, ...], ...] = ((), ("tags",), ("metadata",))
"""The places where a tag is searched: all tags of the source, and those that it groups under these names."""
_SQL = files("flywheel_pipeline.steps.sample").joinpath("frame.sql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Frame:
    """One trace that may be sampled, and its near-duplicates; the fields are the columns of `frame.sql`."""

    trace_id: str
    input: str
    thumbs_down: bool = False
    failed: bool = False
    silent: bool = False
    rephrased: bool = False
    doubted: bool = False
    n_turns: int = 1
    many_turns: bool = False
    many_calls: bool = False
    slow: bool = False
    long: bool = False
    costly: bool = False
    strata: tuple[str, ...] = ()
    """The values of the design's strata, in their order."""
    n_like: int = 1
    """How many traces it stands for: itself and its near-duplicates."""
    known: bool = False
    """It, or a near-duplicate, was judged before."""
    kept: float = 1.0
    """The probability with which the trace came into the frame, where there are too many to compare all."""

    @property
    def outlier(self) -> bool:
        """Return whether one of its measures is far above those of other traces."""
        return self.many_turns or self.many_calls or self.slow or self.long or self.costly

    @property
    def flagged(self) -> bool:
        """Return whether any signal suggests a failure."""
        return self.thumbs_down or self.failed or self.silent or self.rephrased or self.doubted or self.outlier

    def risk(self, multiplier: float) -> float:
        """Return 1 for an ordinary trace, up to `multiplier` for one that the user disliked."""
        share = 1.0 * self.thumbs_down + 0.45 * (self.failed or self.silent) + 0.4 * self.doubted
        share += 0.2 * self.rephrased + 0.2 * self.outlier
        return 1 + (multiplier - 1) * min(1.0, share)

    def reason(self) -> str:
        """Return why the trace was sampled, for people."""
        if self.known:
            return "judged before"
        signals = [
            (self.thumbs_down, "thumbs down"),
            (self.failed, "ended in an error"),
            (self.silent, "no answer"),
            (self.rephrased, "the user asked again"),
            (self.doubted, "a test case with this question fails"),
            (self.many_turns, f"{self.n_turns} turns"),
            (self.many_calls, "unusually many tool calls"),
            (self.slow, "unusually slow"),
            (self.long, "unusually long"),
            (self.costly, "unusually expensive"),
        ]
        return "; ".join(text for holds, text in signals if holds) or "ordinary trace, for coverage"

    def stratum(self, names: Sequence[str]) -> str:
        """Return the part of the population that the trace is from, by the strata that the user named."""
        parts = [f"{n}: {v}" for n, v in zip(names, self.strata, strict=True)]
        return ", ".join(parts) or ("flagged" if self.flagged else "ordinary")


def frame_query(strata: Sequence[str]) -> str:
    """Return the query for a frame with these strata: columns of `raw_traces`, or names of tags.

    Its parameters are `frame_params`.
    """
    listed = ", ".join(f"coalesce({_value(name)}, '{NONE}')" for name in strata)
    return _SQL.replace("{strata}", listed)


def _value(name: str) -> str:
    if name in {spec.name for spec in columns(RawTrace)}:
        return f"left({name}::varchar, 200)"
    paths = ["$." + ".".join('"' + part.replace('"', '\\"') + '"' for part in (*within, name)) for within in TAGS_IN]
    return "left(coalesce(" + ", ".join("tags->>'" + p.replace("'", "''") + "'" for p in paths) + "), 200)"


def frame_params(since: str, until: str, size: int, seed: int) -> Mapping[str, Any]:
    """Return the parameters of `frame_query`; the days are ISO dates, both within the window."""
    room = max(MIN_POOL, size)
    return {"since": since, "until": until, "seed": seed, "flagged": room, "ordinary": room, "least": LEAST}


def read_frame(rows: Iterable[Mapping[Any, Any]]) -> list[Frame]:
    """Return the rows of `frame_query`, {column: value} each, as records."""
    return [Frame(**{**row, "strata": tuple(map(str, row["strata"]))}) for row in rows]
