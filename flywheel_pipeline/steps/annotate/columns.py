"""The columns of a label file: which of its columns holds what, decided from the names and values of the whole file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.steps.annotate.sources import BY_HUMAN, BY_MACHINE, kind_of
from flywheel_pipeline.steps.annotate.words import is_blank, number_of, tidy, verdict_of

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "trace_id": ("trace_id", "traceid", "trace", "id"),
    "verdict": (
        "verdict", "judgement", "judgment", "pass_fail", "passed", "label", "result", "outcome", "pass", "correctness",
        "correct", "is_correct", "ok", "is_ok", "acceptable", "is_acceptable", "assessment", "quality", "grade",
        "rating", "score", "urteil", "bewertung", "ergebnis", "jugement", "résultat", "veredicto", "resultado",
        "giudizio", "risultato", "oordeel", "resultaat",
    ),
    "code": ("open_code", "open_coding_code", "code"),
    "comment": (
        "comment", "comments", "note", "notes", "critique", "reason", "reasons", "explanation", "rationale",
        "justification", "remark", "remarks", "what_went_wrong", "why", "observation", "observations", "open_coding",
        "feedback", "reasoning", "kommentar", "kommentare", "begründung", "bemerkung", "anmerkung", "notiz",
        "commentaire", "commentaires", "remarque", "raison", "comentario", "comentarios", "comentário", "motivo",
        "observación", "commento", "motivazione", "opmerking", "toelichting",
    ),
    "category": ("failure_mode", "axial_code", "failure_category", "category"),
    "annotator": (
        "annotator", "labeler", "labeller", "reviewer", "rater", "expert", "annotated_by", "labeled_by", "labelled_by",
        "reviewed_by", "judged_by", "annotator_id", "annotator_name", "prüfer", "scored_by", "rated_by", "graded_by",
        "evaluated_by", "assessor", "evaluator", "judge", "grader", "scorer", "evaluator_name", "judge_name",
        "evaluator_model", "judge_model", "grader_model",
    ),
    "annotator_kind": (
        "annotator_kind", "annotator_type", "feedback_source", "source_type", "label_source", "verdict_source",
        "annotation_source", "rater_type", "evaluator_type", "label_type",
        "annotation_type", "verdict_type", "label_method", "annotation_method",
        "method", "origin", *sorted(BY_HUMAN), *sorted(BY_MACHINE), "source",
    ),
    "labelled_at": (
        "labelled_at", "labeled_at", "annotated_at", "reviewed_at", "updated_at", "modified_at", "created_at",
        "timestamp", "date", "datum", "fecha",
    ),
    "first_failure_step": ("first_failure_step", "step"),
    "severity": ("severity",),
    "rubric_version": ("rubric_version", "rubric"),
    "is_repeat": ("is_repeat", "repeat"),
    "is_picked": ("is_picked",),
    "exported": ("exported",),
    "extra": ("extra",),
}  # fmt: skip
"""The columns of a label file and the names that are understood for each, the most telling first."""

CONTEXT = ("input", "output", "conversation", "why_sampled")
"""What our own export shows of the trace beside the columns to fill in; the lake has it already."""

QUALIFIERS = frozenset("""
    expert human reviewer annotator manual final overall failure the your my short text free trace answer response
""".split())  # fmt: skip
"""Words that leave the meaning of a column as it is: an expert's verdict is a verdict, a model's is not."""

DOUBTFUL = {"code": "code", "category": "category", "severity": "severity", "first_failure_step": "step"}
"""Names that describe a failure in some files and the conversation in others."""
WEAK_VERDICTS = ("assessment", "quality", "grade", "rating", "score")
"""Names that are a verdict only where every value is one."""
GRADED = frozenset(("rating", "rate", "grade", "quality", "stars", "star"))
"""Words of names whose numbers may be grades on any scale."""
WEAK_SOURCES = ("origin", "source")
TYPES = ("label_type", "annotation_type", "verdict_type", "label_method", "annotation_method", "method")
"""Names that say who judged only where every value does."""
AUTHORS = ("created_by", "generated_by", "author")
"""Columns that name whoever wrote the row, or the conversation: they matter only where they name a model."""
CHANNELS = frozenset("""
    web website app ios android mobile desktop phone voice chat email mail sms whatsapp slack teams widget prod
    production staging live dev demo
""".split())  # fmt: skip
"""What a column `source` holds where it says where the conversation came from."""
_CONVERSATION = frozenset("""
    user assistant question answer prompt completion response request reply query customer channel mode lang
    language locale messages transcript dialogue history context user_message bot_message user_input user_query
    model
""".split())  # fmt: skip
"""Columns that show the conversation, which a file of bare labels does not."""


@dataclass(frozen=True)
class LabelRules:
    """The settings of a home that decide how its label files are read."""

    columns: Mapping[str, str | None]
    """{our column: theirs, or None where the files have none}"""
    people: frozenset[str] = frozenset()
    """Names that are people's, whatever they look like."""


@dataclass(frozen=True)
class ColumnMap:
    """Which columns of a file hold what; `notes` report what is doubtful, `unused` names what was not read."""

    names: Mapping[str, tuple[str, ...]]
    """{our name: their names, as tidied; the first that a row has counts}"""
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def split(self, cells: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a row's cells under our names, and those beyond them under their own."""
        theirs: dict[str, str] = {}
        for name in cells:
            theirs.setdefault(tidy(name), name)
        used = {ours: next((theirs[n] for n in names if n in theirs), None) for ours, names in self.names.items()}
        taken = {key for key in used.values() if key is not None}
        hidden = CONTEXT if "exported" in theirs else ()
        rest = {k: v for k, v in cells.items() if k not in taken and tidy(k) not in hidden}
        return {ours: cells[key] for ours, key in used.items() if key is not None}, rest

    def column_of(self, ours: str, cells: Mapping[str, Any]) -> str:
        """Return the row's own name of a column of ours, ours where it has none."""
        return next((str(k) for n in self.names.get(ours, ()) for k in cells if tidy(k) == n), ours)


def matches(ours: str, theirs: object) -> int | None:
    """Return how well a column's name fits one of ours, 0 for best; None where it does not fit."""
    name, known = tidy(theirs), SYNONYMS[ours]
    if name in known:
        return known.index(name)
    if name in CONTEXT:
        return None
    words = name.split("_")
    if ours == "comment" and (words[0] == "why" or name.startswith(("what_went_wrong", "what_is_wrong"))):
        return known.index("why")
    if ours in ("verdict", "comment", "code"):
        core = [w for w in words if w not in QUALIFIERS or (w == "failure" and ours == "verdict")]
        if ours == "verdict" and {"pass", "fail"} < set(core):
            core = [w for w in core if w not in ("pass", "fail", "or")] or ["pass_fail"]
        if ours == "comment" and len(core) == 2 and core[0] in ("fail", "verdict", "label"):
            core = core[1:]
        bare = "_".join(core)
        return len(known) + known.index(bare) if bare in known else None
    return None


def is_header(names: Sequence[object], columns: Mapping[str, str | None]) -> bool:
    """Return whether names of columns are those of labels: a trace and a verdict are among them."""
    configured = {ours: tidy(theirs) for ours, theirs in columns.items() if theirs}
    tidied = {tidy(n) for n in names if str(n).strip()}
    return all(
        configured.get(ours) in tidied or any(matches(ours, n) is not None for n in names if str(n).strip())
        for ours in ("trace_id", "verdict")
    )


def map_columns(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str | None]) -> ColumnMap:
    """Return which columns of the file hold what; `columns` is {ours: theirs, or None for none} as people set it."""
    table = _Table(rows)
    names: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    for ours in SYNONYMS:
        theirs = columns.get(ours)
        if ours in columns and (not theirs or tidy(theirs) in table.values):
            names[ours] = (tidy(theirs),) if theirs else ()
            continue
        found = sorted((rank, n) for n in table.values if (rank := matches(ours, n)) is not None)
        names[ours] = tuple(n for _, n in found)
    configured = {ours for ours in names if ours in columns}
    if "verdict" not in configured:
        names["verdict"] = _verdicts(names["verdict"], table, notes)
    table.verdict_columns = names["verdict"]
    for ours, weak in DOUBTFUL.items():
        if ours not in configured:
            names[ours] = tuple(n for n in names[ours] if n != weak or _describes(ours, n, table, notes))
    if "comment" not in configured:
        names["comment"] = tuple(n for n in names["comment"] if n != "feedback" or not table.only_verdicts(n))
    if "annotator" not in configured:
        names["annotator"] = tuple(
            n for n in names["annotator"] if not table.mostly_verdicts(n) and not table.has_verdict_of(n)
        )
    if "annotator_kind" not in configured:
        names["annotator_kind"] = tuple(
            n for n in names["annotator_kind"] if not table.is_channel(n) and table.names_givers(n)
        )
    notes += _rivals(names, table)
    taken = {n for found in names.values() for n in found[:1]}
    unused = tuple(table.shown[n] for n in table.values if n and n not in taken)
    return ColumnMap({ours: found for ours, found in names.items() if found}, tuple(notes), unused)


class _Table:
    """The filled cells of a file by column."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = [{tidy(k): v for k, v in reversed(list(row.items()))} for row in rows]
        self.shown = {tidy(k): str(k) for row in reversed(rows) for k in row}
        order = dict.fromkeys(tidy(k) for row in rows for k in row)
        self.values = {n: [r[n] for r in self.rows if n in r and not is_blank(r[n])] for n in order}
        self.verdict_columns: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Return whether the file was written by our export or labelling page, so that names mean what we mean."""
        names = self.values.keys()
        return "exported" in names or names >= {"trace_id", "verdict", "annotator", "labelled_at"}

    def mostly_verdicts(self, name: str) -> bool:
        """Return whether most values are verdicts in full words; `P` or `N` may be a person's initials."""
        values = self.values[name]
        words = [v for v in values if len(str(v).strip()) > 3 and verdict_of(v) and number_of(v) is None]
        return not self.is_ours and len(words) * 2 > len(values)

    def has_verdict_of(self, name: str) -> bool:
        """Return whether another column holds the verdict of whoever this one names, such as `judge_verdict`."""
        who = name.split("_")[0]
        owned = [n for n in self.values if n.startswith(f"{who}_") and n not in SYNONYMS["annotator"]]
        return who in ("judge", "evaluator", "grader", "scorer") and len(owned) > 0

    def only_verdicts(self, name: str) -> bool:
        """Return whether every value is a verdict, as in a column of the users' thumbs."""
        return bool(self.values[name]) and all(verdict_of(v) for v in self.values[name])

    def is_channel(self, name: str) -> bool:
        return name in WEAK_SOURCES and all(tidy(v) in CHANNELS for v in self.values[name])

    def names_givers(self, name: str) -> bool:
        """Return whether a column may say who judged; of a doubtful name, whether each of its values does."""
        return name not in TYPES or (bool(self.values[name]) and all(kind_of(v) for v in self.values[name]))

    def verdicts_where(self, name: str, filled: bool) -> set[str | None]:
        """Return the verdicts of the rows in which a column is filled in, or is not."""
        return {
            verdict_of(next((row[v] for v in self.verdict_columns if v in row), None))
            for row in self.rows
            if filled == (name in row and not is_blank(row[name]))
        }


def _verdicts(found: Sequence[str], table: _Table, notes: list[str]) -> tuple[str, ...]:
    """Return the columns that hold verdicts: those named so first, and of other names those whose values are."""

    def fits(name: str) -> bool:
        values = table.values[name]
        share = sum(verdict_of(v) is not None for v in values) / max(len(values), 1)
        return share == 1 and len(values) > 0 if name in WEAK_VERDICTS else True

    kept = [n for n in found if fits(n)]
    plain = [n for n in kept if not table.values[n] or any(verdict_of(v) for v in table.values[n])]
    kept = [n for n in kept if n in plain or n == "verdict"] or kept
    if kept and kept[0] in WEAK_VERDICTS:
        notes.append(f"column {table.shown[kept[0]]!r} is read as the verdict: 1 is a pass, 0 a fail")
    return tuple(kept)


def _describes(ours: str, name: str, table: _Table, notes: list[str]) -> bool:
    """Return whether a column with a doubtful name describes failures; a note says why it is not used."""
    values = table.values[name]
    if table.is_ours or not values or (ours == "code" and _are_phrases(values)):
        return True
    why = ""
    on_others = table.verdicts_where(name, True) & {"pass", None}
    shown = [table.shown[n] for n in table.values if n in _CONVERSATION]
    if on_others:
        why = "it is filled in where nothing failed"
    elif shown and "pass" not in table.verdicts_where(name, False):
        why = f"the file shows the conversation, too ({', '.join(shown[:3])})"
    elif ours == "first_failure_step" and any(number_of(v) is None for v in values):
        why = "it does not hold numbers"
    elif ours in ("code", "category") and not any(_is_wordy(v) for v in values):
        why = "it does not hold words"
    if why:
        what = {"code": "the open code", "category": "the failure mode"}.get(ours, ours)
        notes.append(
            f"column {table.shown[name]!r} is not read as {what}: {why}; if it is, set labels.columns.{ours} to it"
        )
    return not why


def _are_phrases(values: Sequence[object]) -> bool:
    """Return whether most values are several words, as an open code is and a code of a language or a status is not."""
    return sum(len(str(v).split()) > 1 for v in values) * 2 > len(values)


def _is_wordy(value: object) -> bool:
    text = str(value)
    return bool(re.search(r"[a-z]{3}", text)) or any(ord(c) > 0x2FF for c in text)


def _rivals(names: Mapping[str, tuple[str, ...]], table: _Table) -> Iterable[str]:
    """Report columns that may hold the same, with the one that is used."""
    for ours in ("verdict", "comment", "annotator", "code"):
        together = [n for n in names[ours] if table.values[n]]
        beside = [row for row in table.rows if sum(n in row for n in together) > 1]
        agreeing = ours == "verdict" and all(len({verdict_of(r[n]) for n in together if n in r}) == 1 for r in beside)
        if beside and not agreeing:
            listed = " and ".join(repr(table.shown[n]) for n in together[:4])
            yield f"columns {listed} may hold the {ours}: {table.shown[names[ours][0]]!r} is used"
