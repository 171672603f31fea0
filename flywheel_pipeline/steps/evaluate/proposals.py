"""Propose evaluators for a failure mode: code where code can decide, a judge only where judgment is needed.

Rules read what the mode is called and how it is described; a model, where there is one, may propose more (`kinds.md`).
Whatever is set by example is set from the train split, as a judge's examples are, so that the agreement that is printed
beside a proposal is measured on answers that had no part in it.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pydantic import BaseModel, ValidationError

from flywheel_pipeline.leakage import grams, readable, words
from flywheel_pipeline.ports import Ask, Reply
from flywheel_pipeline.prompting import ask_about, load_prompt
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.evaluate.evaluators.catalogue import EVALUATORS, settings_of
from flywheel_pipeline.steps.evaluate.evaluators_file import ALL, Entry

ROLE = "taxonomy"
NOT_BY_MODEL = ("judge", "learned", "python")
"""Kinds that a model does not propose: they are there anyway, or need a person's code."""
MOST_BY_MODEL, SHOWN = 3, 5
PHRASE = (3, 6)
"""Words of a phrase that several failures share."""

NEEDS_JUDGMENT = "nothing in its name, definition or comments is a property that code can check: it needs judgment"

Settings = dict[str, Any]


@dataclass(frozen=True)
class ModeFacts:
    """What a proposal may rest on: the mode in words, and answers of the train split that failed by it or passed."""

    mode_id: str
    name: str
    description: str
    remarks: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All that describes the mode."""
        return " ".join([self.name, self.description, *self.remarks])


@dataclass(frozen=True)
class Rule:
    """When `words` (a regular expression) describe a mode, `settings` makes a proposal of `kind` from its facts.

    `settings` returns None where the facts give no setting; `when` are the phrases that the check is about.
    """

    words: str
    kind: str
    why: str
    settings: Callable[[ModeFacts], Settings | None]
    when: tuple[str, ...] = ()


def _at_most(facts: ModeFacts) -> Settings | None:
    """Set the limit between the longest passed and the shortest failed answer; thrice the former where none failed."""
    passed, failed = ([len(words(t)) for t in texts] for texts in (facts.passed, facts.failed))
    if not passed:
        return None
    longest, shortest = max(passed), min(failed, default=0)
    if failed and shortest <= longest:
        return None
    limit = (longest * shortest) ** 0.5 if failed else 3 * longest
    return {"unit": "words", "at_most": max(10, round(limit / 10) * 10)}


def _shared_phrases(facts: ModeFacts) -> Settings | None:
    """Take what the expert quotes of failed answers and what several of them share, if no passed answer says it."""
    seen = [readable(t) for t in facts.failed]
    quoted = re.findall(r'["“]([^"“”\n]{8,80})["”]', " ".join([facts.description, *facts.remarks]))
    found = [q.strip(" .,!") for q in quoted if any(readable(q.strip(" .,!")) in s for s in seen)]
    for n in range(PHRASE[1], PHRASE[0] - 1, -1):
        every = [grams(t, n) for t in facts.failed]
        found += [" ".join(g) for g in sorted({g for e in every for g in e}) if sum(g in e for e in every) > 1]
    clean = [f for f in dict.fromkeys(found) if not any(readable(f) in readable(t) for t in facts.passed)]
    kept = [f for i, f in enumerate(clean) if not any(f in other or other in f for other in clean[:i])]
    return {"texts": kept[:SHOWN]} if kept else None


def _fixed(settings: Settings) -> Callable[[ModeFacts], Settings | None]:
    return lambda _: dict(settings)


DONE = (
    "I have taken care of", "I've taken care of", "I have cancelled", "I've cancelled", "I have refunded",
    "I've refunded", "I have deleted", "I've deleted", "I have updated", "I've updated", "I have changed",
    "I've changed", "I have sent", "I've sent", "has been cancelled", "has been refunded", "has been deleted",
)  # fmt: skip
ASKS_FOR_A_PERSON = (
    "human", "humans", "person", "people", "agent", "somebody", "someone", "anyone real", "representative", "colleague",
    "operator", "manager", "supervisor", "call me", "call back",
)  # fmt: skip
HANDS_OVER = (
    "hand you over", "handing you over", "transfer you", "connect you", "connecting you", "put you through",
    "pass you on", "our team will", "a colleague will",
)  # fmt: skip

RULES = (
    Rule(r"wall of text|\btoo long\b|\blong\b|verbose|lengthy|whole (guide|page|article)|entire (guide|page)|rambl",
         "length", "it is about how long an answer is", _at_most),
    Rule(r"hand(ed|ing|s)?[ -]?(over|off)|escalat|(wanted|asked for|speak to|talk to) a (person|human)|real person",
         "contains", "it is about handing over to a person when one is asked for",
         _fixed({"texts": list(HANDS_OVER), "require": "any"}), ASKS_FOR_A_PERSON),
    Rule(r"(claim|pretend|say|said|confirm)\w*.{0,30}\b(done|did|cancel\w*|refund\w*|action)", "forbidden",
         "it is about claiming to have done something", _fixed({"texts": list(DONE)})),
    Rule(r"promis|forbidden|must not say|never say|phrase|apolog",
         "forbidden", "it is about things that an answer must not say", _shared_phrases),
    Rule(r"\b(broken|dead|made[ -]up|wrong|invented) (link|url)s?\b|\blinks?\b|\burls?\b",
         "links", "it is about links", _fixed({})),
    Rule(r"(wrong|another|other|foreign|same|different|user's|their) language|not in (english|german|french|spanish)"
         r"|answers? in (english|german|french|spanish)",
         "language", "it is about the language of an answer", _fixed({"languages": "question"})),
    Rule(r"\bjson\b", "json_schema", "it is about JSON; write the schema that your app needs",
         _fixed({"schema": {"type": "object"}})),
    Rule(r"markdown|asterisks|raw formatting", "markdown", "it is about Markdown; name the elements you do not want",
         _fixed({"forbid": ["heading", "table", "html"]})),
    Rule(r"\btools?\b|function calls?|(wrong|missing) arguments?", "tool_calls",
         "it is about the tools that are called", _fixed({})),
    Rule(r"retriev|(missing|wrong|irrelevant) (document|page|source|article)s?|document (was )?not found",
         "retrieval", "it is about the documents that were retrieved", _fixed({})),
    Rule(r"made? up|invent|hallucinat|fabricat|not in (the|our|any) (doc|source)|no document|unsupported|ungrounded",
         "groundedness", "it is about what no document says", _fixed({})),
)  # fmt: skip
"""Every rule, in the order in which proposals are listed."""


def propose_by_rules(facts: ModeFacts, taken: Iterable[str] = ()) -> list[Entry]:
    """Return what the rules propose for a mode, its judge where they propose nothing; `taken` are names in use."""
    found: list[Entry] = []
    for rule in RULES:
        match = re.search(rule.words, facts.text, re.IGNORECASE)
        if not match or rule.kind not in EVALUATORS or rule.kind in [e.kind for e in found]:
            continue
        settings = rule.settings(facts)
        if settings is None or not _fits(rule.kind, settings):
            continue
        why = f"{rule.why} (“{match.group(0)}” in its name, definition or comments)"
        found.append(_entry(facts.mode_id, facts.name, rule.kind, settings, rule.when, why, [*taken, *_names(found)]))
    return found or [propose_judge(facts.mode_id, facts.name, taken)]


def propose_judge(mode_id: str, name: str, taken: Iterable[str] = (), why: str = NEEDS_JUDGMENT) -> Entry:
    """Return the proposal to leave a mode to its judge."""
    return _entry(mode_id, name, "judge", {}, (), why, taken)


def propose_for_all(cases: Sequence[GoldenCase], taken: Iterable[str] = ()) -> list[Entry]:
    """Return what is proposed for every answer: similarity where cases have references, retrieval where documents."""
    n_references = sum(c.reference is not None for c in cases)
    n_documents = sum(c.expected_doc_ids is not None for c in cases)
    wanted = [
        ("similarity", n_references, "cases have a known-good answer to compare with"),
        ("retrieval", n_documents, "cases name the documents that a right answer needs"),
    ]
    return [
        _entry(ALL, "answers", kind, {}, (), f"{n} {what}; it is shown and decides nothing", taken)
        for kind, n, what in wanted
        if n and kind in EVALUATORS and _fits(kind, {})
    ]  # fmt: skip


class ProposedEvaluator(BaseModel):
    """One evaluator that a model proposes."""

    kind: str
    settings: dict[str, Any] = {}
    when: list[str] = []
    why: str = ""


class ProposedEvaluators(BaseModel):
    """What a model replies."""

    evaluators: list[ProposedEvaluator]


def evaluators_ask(facts: ModeFacts, app: str) -> Ask:
    """Ask which evaluators in code could decide a mode."""
    kinds = [
        {"kind": kind, "does": inspect.cleandoc(made.__doc__ or ""), "settings": _described(made)}
        for kind, made in EVALUATORS.items()
        if kind not in NOT_BY_MODEL
    ]
    data = {
        "kinds": kinds,
        "failure_mode": {"name": facts.name, "definition": facts.description, "remarks": list(facts.remarks[:SHOWN])},
        "failed_answers": list(facts.failed[:SHOWN]),
        "passed_answers": list(facts.passed[:SHOWN]),
    }
    return ask_about(ROLE, load_prompt(__package__, "kinds").format(app=app, most=MOST_BY_MODEL), data,
                     ProposedEvaluators)  # fmt: skip


def read_proposals(reply: Reply, facts: ModeFacts, taken: Iterable[str] = ()) -> tuple[list[Entry], list[str]]:
    """Return the proposals of a reply that are evaluators, and what is wrong with the others."""
    if not isinstance(reply.parsed, ProposedEvaluators):
        return [], [reply.error or "the model proposed nothing that can be read"]
    found: list[Entry] = []
    wrong = []
    for p in reply.parsed.evaluators[:MOST_BY_MODEL]:
        try:
            if p.kind in NOT_BY_MODEL:
                raise ValueError("a model may not propose this kind")
            why = f"a model proposed it: {p.why[:300]}"
            when = tuple(p.when)
            entry = _entry(facts.mode_id, facts.name, p.kind, p.settings, when, why, [*taken, *_names(found)])
            entry.evaluator()
            found.append(entry)
        except (ValidationError, ValueError) as error:
            wrong.append(f"{p.kind[:40]}: {' '.join(str(error).split())[:200]}")
    return found, wrong


def _fits(kind: str, settings: Mapping[str, Any]) -> bool:
    try:
        Entry(name="x", mode=ALL, kind=kind, settings=dict(settings)).evaluator()
    except ValueError:
        return False
    return True


def _entry(
    mode: str, title: str, kind: str, settings: Settings, when: tuple[str, ...], why: str, taken: Iterable[str]
) -> Entry:
    slug = re.sub(r"[^a-z0-9]+", "-", readable(title)).strip("-")[:40].strip("-") or mode
    name, used = f"{slug}-{kind.replace('_', '-')}", set(taken)
    free = next(n for i in range(1, len(used) + 2) if (n := name if i == 1 else f"{name}-{i}") not in used)
    return Entry(name=free, mode=mode, kind=kind, settings=settings, when=when, status="proposed", why=why)


def _names(entries: Iterable[Entry]) -> list[str]:
    return [e.name for e in entries]


def _described(made: type[Any]) -> list[str]:
    """Return the settings of a kind with their types."""
    types = {f.name: f.type for f in fields(made)}
    return [f"{name}: {getattr(types[name], '__name__', types[name])}" for name in settings_of(made)]


def shown(value: Any) -> str:
    """Return settings as a person reads them on one line."""
    return json.dumps(value, ensure_ascii=False) if value else "no settings"
