"""The modes of the reviewed taxonomy with their member failures, as they stand in `failure_modes.yaml`."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.records import MODE_STATUSES, SEVERITIES, Annotation

MAX_NAME = 80
SHOWN = 3
"""Representative comments of a mode that people are shown."""


@dataclass(frozen=True)
class Failure:
    """One failed trace: `text` is what is clustered, the code if there is one, else the comment."""

    trace_id: str
    text: str
    comment: str
    category: str | None

    @classmethod
    def of(cls, a: Annotation) -> Failure:
        """Return the failure that an annotation with the verdict `fail` describes."""
        text = " ".join((a.code or a.comment or "").split())
        first = (a.category or "").split(",")[0].strip()
        return cls(a.trace_id, text, a.comment or text, first[:MAX_NAME].strip() or None)


@dataclass(frozen=True)
class Member:
    """A failure that belongs to a mode: who put it there, how sure, and the text that decided.

    A member that a person adds to the file needs no more than its trace and its text.
    """

    trace_id: str
    text: str
    assigned_by: str = "HUMAN"
    confidence: float = 1.0
    quote: str = ""


@dataclass(frozen=True)
class Mode:
    """One failure mode. Its id is minted once and survives every rename.

    It is provisional until a person accepts it; a retired one takes no new failures, and keeps those it has. One that
    counting words has found is a group to review: it has no definition until a person or a model gives it one.

    Attributes:
        definition: when a failure belongs to the mode, in one sentence.
        belongs: what counts although one might doubt it.
        does_not_belong: what does not count, and where it goes instead.
        severity: a person's rating of the mode as a whole.
        merged_into: the mode that this one, then retired, stands for wherever its id was written down.
        note: a person's own; never read.
        judge_guidance: how to decide where definition and limits leave it open; read by the mode's judge alone.
        judge_examples: the traces of the members that its judge is shown; empty: the first ones that may be shown.
        judge_verdict_first: its judge gives the label before the critique.
        judge_tuned: its judge's criterion was chosen on dev cases, so that it is not measured on these any more.
    """

    mode_id: str
    name: str
    definition: str = ""
    status: str = "provisional"
    belongs: str = ""
    does_not_belong: str = ""
    members: tuple[Member, ...] = field(default=())
    severity: str | None = None
    merged_into: str | None = None
    note: str = ""
    judge_guidance: str = ""
    judge_examples: tuple[str, ...] = ()
    judge_tuned: bool = False
    judge_verdict_first: bool = False

    @property
    def is_live(self) -> bool:
        """Whether failures may be assigned to it."""
        return self.status != "retired"

    @property
    def is_group(self) -> bool:
        """Whether it is a group to review: found by words alone, and not accepted by a person yet."""
        return self.status == "provisional" and not self.definition

    @property
    def title(self) -> str:
        """Return the name; of a group to review, which is called by a comment, that of its first member."""
        return self.members[0].text[:MAX_NAME] if self.is_group and self.members else self.name

    @property
    def described(self) -> str:
        """Return the definition, or the expert's own words where there is none."""
        quoted = "; ".join(f"“{t}”" for t in self.examples(SHOWN))
        return self.definition or (f"Failures described as: {quoted}" if quoted else "")

    @property
    def meaning(self) -> str:
        """Return what a judge needs to know: definition and limits, or the expert's own words where there are none."""
        parts = [self.described]
        parts += [f"Belongs: {self.belongs}"] if self.belongs else []
        parts += [f"Does not belong: {self.does_not_belong}"] if self.does_not_belong else []
        return "\n".join(parts)

    def shown_to_judge(self, allowed: Collection[str], n: int) -> list[str]:
        """Return the texts that its judge is shown, of `allowed` traces: the chosen ones, else `n` examples."""
        open_ones = replace(self, members=tuple(m for m in self.members if m.trace_id in allowed))
        chosen = [m.text for m in open_ones.members if m.trace_id in self.judge_examples]
        return list(dict.fromkeys(chosen)) or open_ones.examples(n)

    def examples(self, n: int = 6) -> list[str]:
        """Return the texts of its first members: the most frequent and then the most central when it was made."""
        return list(dict.fromkeys(m.text for m in self.members))[:n]


def mint_mode(name: str, definition: str, evidence: Sequence[str], status: str = "provisional") -> Mode:
    """Return a new mode; its id is a hash of its name and the failures it was made from: a rebuild mints the same."""
    digest = hashlib.sha256(json.dumps([name, sorted(evidence)]).encode()).hexdigest()[:8]
    return Mode(f"fm-{digest}", name.strip()[:MAX_NAME], definition.strip(), status)


def criterion_version(mode: Mode) -> str:
    """Return a hash of what a person may change about a mode's judge: what it means, guidance and examples."""
    parts = (
        mode.definition,
        mode.belongs,
        mode.does_not_belong,
        mode.judge_guidance,
        mode.judge_examples,
        mode.judge_verdict_first,
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]


def taxonomy_version(modes: Sequence[Mode]) -> str:
    """Return the version: a hash of what the modes mean, not of their members."""
    meaning = [(m.mode_id, m.name, m.definition, m.belongs, m.does_not_belong) for m in modes if not m.merged_into]
    return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:8]


def current_ids(modes: Sequence[Mode]) -> dict[str, str]:
    """Return {every id there ever was: the id of the mode that it stands for now}."""
    into = {m.mode_id: m.merged_into for m in modes}
    found = {}
    for mode in modes:
        at, seen = mode.mode_id, {mode.mode_id}
        while (target := into.get(at)) is not None and target not in seen:
            at = target
            seen.add(at)
        found[mode.mode_id] = at
    return found


def dump_modes(modes: Sequence[Mode]) -> dict[str, Any]:
    """Return the content of `failure_modes.yaml`; optional fields that are not set are left out."""
    return {"modes": [_dumped(m) for m in modes]}


def _dumped(mode: Mode) -> dict[str, Any]:
    members = [_without_defaults(x, ("assigned_by", "confidence")) for x in mode.members]
    return {
        k: list(v) if isinstance(v, tuple) else v
        for k, v in {**_without_defaults(replace(mode, members=()), ("status",)), "members": members}.items()
    }


def _without_defaults(record: Any, always: Collection[str]) -> dict[str, Any]:
    optional = {f.name: f.default for f in fields(record) if f.name not in always}
    return {name: value for name, value in vars(record).items() if optional.get(name, ...) != value}


def load_modes(content: Any) -> list[Mode]:
    """Return the modes of `failure_modes.yaml`; none for an empty or missing file.

    Raises:
        CorruptFileError: the file has another shape, a mode lacks an id or a name, two modes share an id, or
            a failure is in two modes.
    """
    listed = (content or {}).get("modes") or [] if isinstance(content or {}, Mapping) else None
    if not isinstance(listed, list):
        raise CorruptFileError("failure_modes.yaml must hold a list of modes under the key `modes`")
    modes = [_mode(entry) for entry in listed]
    _check_merges(modes)
    ids = [m.mode_id for m in modes]
    if len(ids) != len(set(ids)):
        raise CorruptFileError("failure_modes.yaml: two modes share an id; give every mode its own")
    traces = Counter(x.trace_id for m in modes for x in m.members)
    twice = [trace for trace, n in traces.items() if n > 1]
    if twice:
        raise CorruptFileError(f"failure_modes.yaml: {twice[0]} is a member twice; leave it in the mode it belongs to")
    return modes


def _mode(entry: Any) -> Mode:
    try:
        members = tuple(Member(**m) for m in entry.get("members") or [])
        shown = tuple(str(t) for t in entry.get("judge_examples") or [])
        mode = Mode(**{**entry, "members": members, "judge_examples": shown})
    except (TypeError, AttributeError) as error:
        raise CorruptFileError(f"failure_modes.yaml: {entry!r:.120} is not a mode: {error}") from None
    if not all(isinstance(x, str) and x.strip() for x in (mode.mode_id, mode.name)):
        raise CorruptFileError(f"failure_modes.yaml: {entry!r:.120} lacks a mode_id or a name")
    for name, value, allowed in (
        ("status", mode.status, MODE_STATUSES),
        ("severity", mode.severity, (None, *SEVERITIES)),
    ):
        if value not in allowed:
            listed = ", ".join(a for a in allowed if a)
            raise CorruptFileError(f"failure_modes.yaml: {mode.mode_id}: the {name} must be one of {listed}")
    return mode


def _check_merges(modes: Sequence[Mode]) -> None:
    ids = {m.mode_id for m in modes}
    for m in modes:
        if m.merged_into and (m.merged_into not in ids or m.is_live or m.members):
            raise CorruptFileError(
                f"failure_modes.yaml: {m.mode_id} is merged into {m.merged_into}: that must be a mode of the file, "
                f"and {m.mode_id} retired and without members"
            )
    if any(current in {m.mode_id for m in modes if m.merged_into} for current in current_ids(modes).values()):
        raise CorruptFileError("failure_modes.yaml: modes are merged into each other; take one merged_into out")
