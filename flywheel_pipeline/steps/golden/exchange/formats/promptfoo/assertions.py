"""promptfoo's assertions and what they say of a right answer: a reference, a requirement, or a prohibition."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.steps.golden.exchange.criteria import of_rubrics, to_rubric
from flywheel_pipeline.steps.golden.exchange.format import Item
from flywheel_pipeline.steps.golden.exchange.formats.promptfoo.escape import escape, loads_a_file, unescape
from flywheel_pipeline.steps.golden.exchange.formats.promptfoo.template import Filler
from flywheel_pipeline.steps.golden.exchange.rows import Row

RUBRICS = ("llm-rubric", "g-eval", "model-graded-closedqa")
SENTENCES = {
    "factuality": "agree with: {}", "model-graded-factuality": "agree with: {}", "equals": "equal: {}",
    "similar": "be similar to: {}", "contains": "contain {}", "icontains": "contain {}", "starts-with": "start with {}",
    "contains-any": "contain any of: {}", "icontains-any": "contain any of: {}",
    "contains-all": "contain all of: {}", "icontains-all": "contain all of: {}",
}  # fmt: skip
"""{type: what an answer must, or with `not-` must not, do}."""
WHOLE = ("factuality", "model-graded-factuality", "equals", "similar")
"""Assertions whose value is an answer, rather than words of one."""
PARTS = ("contains", "icontains", "starts-with", "contains-any", "icontains-any")
OTHERS = (
    "javascript", "python", "fn", "eval", "ruby", "regex", "is-json", "contains-json", "is-sql", "contains-sql",
    "is-xml", "is-html", "contains-html", "contains-xml", "cost", "latency", "levenshtein", "perplexity",
    "perplexity-score", "rouge-n", "bleu", "gleu", "meteor", "answer-relevance", "context-recall", "context-relevance",
    "context-faithfulness", "moderation", "classifier", "webhook", "select-best", "max-score", "is-refusal",
    "is-valid-openai-tools-call", "is-valid-openai-function-call", "is-valid-function-call", "finish-reason",
    "guardrails", "pi", "human", "search-rubric", "conversation-relevance", "word-count", "tool-call-f1",
)  # fmt: skip
"""Assertions that say nothing that a case could keep."""
ALTERNATIVES = "A right answer agrees in substance with at least one of these:"
_QUOTED = re.compile(r'The answer must not contain "([^"\n]+)"\.')
_KNOWN = ("type", "value", "weight")


def write_assertions(row: Row) -> list[Item]:
    """Return the criteria and the reference of a case as assertions.

    A short reference is looked for literally, others are compared by a model; not by `similar`: "30 days" and "90 days"
    are more alike to an embedding than a sentence and its paraphrase.
    """
    return [*_criteria(row), *_reference(row)]


def _criteria(row: Row) -> list[Item]:
    rubric = to_rubric(row)
    if rubric is None:
        return []
    quoted = _QUOTED.fullmatch(row["criteria"]) if row["criteria_kind"] == "prohibition" else None
    if quoted and escape(quoted[1]) == quoted[1] and quoted[1] == quoted[1].strip():
        return [{"type": "not-icontains", "value": quoted[1]}]
    return [{"type": "llm-rubric", "value": escape(rubric)}]


def _reference(row: Row) -> list[Item]:
    reference, others = row["reference"], row["reference_alternatives"] or []
    if not reference:
        return []
    answers = [reference, *others]
    if not others:
        return [{"type": "icontains" if is_literal(reference) else "factuality", "value": escape(reference)}]
    if all(is_literal(a) and "," not in a for a in answers):
        return [{"type": "icontains-any", "value": answers}]
    listed = "\n".join(f"- {a}" for a in answers)
    return [{"type": "llm-rubric", "value": escape(f"{ALTERNATIVES}\n{listed}")}]


MAX_LITERAL_WORDS = 3


def is_literal(reference: str) -> bool:
    """Return whether a right answer contains these very words: a short reference that is no sentence."""
    short = len(reference.split()) <= MAX_LITERAL_WORDS and not re.search(r"[.!?:\s]$|^\s", reference)
    return bool(reference) and short and escape(reference) == reference


@dataclass
class Expectations:
    """What the assertions of a test say of a right answer, and what of them was not kept."""

    requirements: list[str] = field(default_factory=list)
    prohibitions: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def row(self) -> Row:
        """Return our fields."""
        reference = self.answers[0] if self.answers else None
        return {
            **of_rubrics(self.requirements, self.prohibitions), "reference": reference,
            "reference_alternatives": list(dict.fromkeys(self.answers[1:])) or None,
        }  # fmt: skip


def read_assertions(asserts: Sequence[Any], filler: Filler) -> Expectations:
    """Return what assertions say. The reference is the first whole answer, else the first words of one."""
    found = Expectations()
    usable = [a for a in _flat(asserts, found.dropped) if _is_usable(a, found.dropped)]
    by_rank = sorted(usable, key=lambda a: (_base(a)[0] not in WHOLE, usable.index(a)))
    reference = next((a for a in by_rank if _base(a)[0] in (*WHOLE, *PARTS) and not _base(a)[1]), None)
    for assertion in usable:
        _read(assertion, assertion is reference, filler, found)
    return found


def _flat(asserts: Sequence[Any], dropped: list[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the assertions, those of a set one by one; of a set of which some suffice, none."""
    for assertion in asserts:
        if not isinstance(assertion, Mapping):
            dropped.append("assert (another file, not loaded)" if loads_a_file(assertion) else "assert (not an object)")
        elif assertion.get("type") == "assert-set":
            inner = assertion.get("assert")
            if assertion.get("threshold") not in (None, 1) or not isinstance(inner, list):
                dropped.append("assert-set with a threshold")
            else:
                yield from _flat(inner, dropped)
        else:
            yield assertion


def _base(assertion: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the type of an assertion without its `not-`, and whether it had one."""
    kind = str(assertion.get("type"))
    return (kind[4:], True) if kind.startswith("not-") else (kind, False)


def _is_usable(assertion: Mapping[str, Any], dropped: list[str]) -> bool:
    kind, _ = _base(assertion)
    name, reason = f"assert {assertion.get('type')}", None
    if "$ref" in assertion and "type" not in assertion:
        name, reason = f"assert $ref {str(assertion['$ref'])[:80]}", "not found in the file"
    elif assertion.get("weight") == 0:
        reason = "weight 0, decides nothing"
    elif kind not in (*RUBRICS, *SENTENCES):
        reason = ""
    elif any(loads_a_file(v) for v in _values(assertion.get("value"))):
        reason = "another file, not loaded"
    elif not [v for v in _values(assertion.get("value")) if v not in (None, "")]:
        reason = "without a value"
    if reason is not None:
        dropped.append(f"{name} ({reason})" if reason else name)
    return reason is None


def _values(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _read(assertion: Mapping[str, Any], is_reference: bool, filler: Filler, found: Expectations) -> None:
    kind, negated = _base(assertion)
    name = f"assert {assertion['type']}"
    found.dropped += [f"{name}.{k} (not run)" if k == "transform" else f"{name}.{k}" for k in assertion
                      if k not in _KNOWN and assertion[k] not in (None, "", [], {})]  # fmt: skip
    values = assertion.get("value")
    if isinstance(values, str) and kind.endswith(("-any", "-all")):
        values = [part.strip() for part in values.split(",")]
    texts = [unescape(t) for v in _values(values) if (t := _text(filler.fill(v, name)))]
    if kind in RUBRICS:
        lines = [t for t in texts if not t.startswith(ALTERNATIVES)]
        found.prohibitions += [f"It must not be true of the answer: {t}" for t in lines if negated]
        found.requirements += [t for t in lines if not negated]
    elif is_reference:
        found.answers += texts
    else:
        quote = kind not in WHOLE
        listed = ", ".join(f'"{t}"' if quote else t for t in texts)
        does = SENTENCES[kind].format(listed)
        (found.prohibitions if negated else found.requirements).append(
            f"The answer must {'not ' if negated else ''}{does}."
        )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def parse_assertion(text: str) -> Item:
    """Return the assertion of a cell of promptfoo's CSV: `type:value`, `type(threshold):value`, else equality."""
    found = re.fullmatch(r"\s*((?:not-)?([a-z][a-z0-9-]*))(?:\(([\d.]+)\))?(?::(.*))?", text, re.S)
    if found and found[2] == "grade":
        return {"type": "llm-rubric", "value": found[4]}
    if not found or found[2] not in (*RUBRICS, *SENTENCES, *OTHERS):
        return {"type": "equals", "value": text}
    value: Any = found[4]
    if value is not None and found[2].endswith(("-any", "-all")):
        value = [part.strip() for part in value.split(",")]
    threshold = {"threshold": float(found[3])} if found[3] and found[3].count(".") < 2 and found[3] != "." else {}
    return {"type": found[1], "value": value, **threshold}
