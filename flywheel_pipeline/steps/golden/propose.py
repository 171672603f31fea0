"""Propose synthetic and adversarial cases: written by a model or a template, filtered, left for people to review."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from flywheel_pipeline.leakage import asked, words
from flywheel_pipeline.ports import LLM, Embed
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden.adversarial import attack_in_turn
from flywheel_pipeline.steps.golden.cases import Draft, draft_of
from flywheel_pipeline.steps.golden.generate import (
    Paraphrases,
    Phrased,
    Realism,
    paraphrase_ask,
    phrase_ask,
    realism_ask,
)
from flywheel_pipeline.steps.golden.ledger import active
from flywheel_pipeline.steps.golden.near_duplicates import repeats
from flywheel_pipeline.steps.golden.pairwise import Tuple, covering_tuples, tuple_name
from flywheel_pipeline.steps.golden.proposals import Pending, ProposedCase
from flywheel_pipeline.steps.golden.split import families
from flywheel_pipeline.steps.golden.synthesise import reworded

PARAPHRASE = "paraphrase"
MAX_QUESTION, FEW_WORDS = 2_000, 4


@dataclass(frozen=True)
class Wishes:
    """How many cases of which making there should be, and what they must be like."""

    paraphrases_per_mode: int = 1
    adversarial: int = 6
    dimensions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    invalid: Sequence[Tuple] = ()
    max_tuples: int = 20
    min_realism: int = 3


@dataclass(frozen=True)
class Proposed:
    """New proposals, and (text, reason) of what was filtered out or could not be written."""

    new: tuple[ProposedCase, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()


def propose_cases(
    cases: Sequence[GoldenCase], pending: Pending, llm: LLM, embed: Embed, wishes: Wishes, app: str
) -> Proposed:
    """Return cases to be reviewed, beyond those that were proposed before, whatever became of them.

    Dropped is what repeats a case or an earlier proposal, changes a number, would tie families of two splits together,
    or reads like nothing that a user writes (`Wishes.min_realism`). A model that fails drops one text, never the rest.
    """
    drafts = [draft_of(c) for c in active(cases)]
    real = [c.input for c in cases if c.split == "train" and c.kind in ("failure", "happy_path")]
    written, failed = _written(drafts, pending, llm, wishes, (app, real))
    placed = _in_context(written, drafts, embed)
    fresh, dropped = _filtered(placed, cases, pending, embed)
    rated, unreal = _rated(fresh, real, llm, wishes.min_realism, app)
    attacks = [ProposedCase(d) for d in _attacks(drafts, pending, wishes.adversarial)]
    return Proposed((*rated, *attacks), (*failed, *dropped, *unreal))


def _written(
    drafts: Sequence[Draft], pending: Pending, llm: LLM, wishes: Wishes, about: tuple[str, Sequence[str]]
) -> tuple[list[Draft], list[tuple[str, str]]]:
    """Return what the model wrote: paraphrases of the first failure of every mode, and a question a tuple."""
    app, real = about
    earlier = [p.draft for p in pending.all]
    parents = {d.mode_id: d for d in reversed(_telling([d for d in drafts if d.kind == "failure"]))}
    have = Counter(d.mode_id for d in earlier if d.transform == PARAPHRASE)
    lacking = {
        m: wishes.paraphrases_per_mode - have[m] for m in dict.fromkeys(d.mode_id for d in drafts) if m in parents
    }
    todo = [(parents[m], n) for m, n in lacking.items() if n > 0]
    done = {d.transform for d in earlier}
    wanted = covering_tuples(wishes.dimensions, wishes.invalid, wishes.max_tuples) if wishes.dimensions else []
    tuples = [t for t in wanted if tuple_name(t) not in done]
    asks = [paraphrase_ask(d, n, app) for d, n in todo] + [phrase_ask(t, real, app) for t in tuples]
    replies = llm.ask(asks) if asks else []
    found: list[Draft] = []
    failed: list[tuple[str, str]] = []
    for (parent, n), reply in zip(todo, replies[: len(todo)], strict=True):
        if isinstance(reply.parsed, Paraphrases):
            found += [reworded(parent, text.strip(), PARAPHRASE) for text in reply.parsed.questions[:n]]
        else:
            failed.append((parent.input, f"no paraphrase: {reply.error}"))
    for values, reply in zip(tuples, replies[len(todo) :], strict=True):
        if isinstance(reply.parsed, Phrased):
            message = {"role": "user", "content": reply.parsed.question.strip()}
            made, criteria = tuple_name(values), reply.parsed.criteria
            question = Draft("synthetic", None, (message,), criteria=criteria, criteria_kind="requirement")
            found.append(replace(question, transform=made))
        else:
            failed.append((tuple_name(values), f"no question: {reply.error}"))
    return found, failed


def _telling(drafts: Sequence[Draft]) -> list[Draft]:
    """Put those whose message says something by itself before those who answer "Yes."."""
    return sorted(drafts, key=lambda d: len(words(d.input)) < FEW_WORDS)


def _in_context(written: Sequence[Draft], drafts: Sequence[Draft], embed: Embed) -> list[Draft]:
    """Give questions without a parent the documents of the real question most like them, to be answered from."""
    alone = [d for d in written if d.parent_case_id is None]
    real = [d for d in drafts if d.kind in ("failure", "happy_path") and d.context]
    if not alone or not real:
        return list(written)
    vectors = np.asarray(embed.embed([*(d.input for d in real), *(d.input for d in alone)]))
    nearest = np.argmax(vectors[len(real) :] @ vectors[: len(real)].T, axis=1)
    placed = {d.case_id: replace(d, context=real[int(k)].context) for d, k in zip(alone, nearest, strict=True)}
    return [placed.get(d.case_id, d) for d in written]


def _filtered(
    written: Sequence[Draft], cases: Sequence[GoldenCase], pending: Pending, embed: Embed
) -> tuple[list[Draft], list[tuple[str, str]]]:
    """Drop what is no new case."""
    if not written:
        return [], []
    earlier = [*(c.input for c in cases), *(p.draft.input for p in pending.all)]
    texts = [*earlier, *(d.input for d in written)]
    repeated = {i - len(earlier) for i in repeats(texts, len(earlier))}
    homes = _families(written, cases, embed)
    parents = {c.case_id: c.input for c in cases}
    rules: Mapping[str, Callable[[int, Draft], bool]] = {
        "empty or too long": lambda _, d: not d.input.strip() or len(d.input) > MAX_QUESTION,
        "repeats a case or an earlier proposal": lambda k, _: k in repeated,
        "changes a number": lambda _, d: _numbers(d.input) != _numbers(parents.get(d.parent_case_id or "", d.input)),
        "would tie families of two splits together": lambda k, _: homes[k] is None,
    }
    reasons = [next((why for why, broken in rules.items() if broken(k, d)), "") for k, d in enumerate(written)]
    paired = list(zip(written, reasons, strict=True))
    return [d for d, why in paired if not why], [(d.input, why) for d, why in paired if why]


def _families(written: Sequence[Draft], cases: Sequence[GoldenCase], embed: Embed) -> list[str | None]:
    """Return the families that the drafts would be of."""
    talks = [*(asked(c.messages) for c in cases), *(asked(d.messages) for d in written)]
    own = [c.session_id or c.source_trace_id or c.case_id for c in cases]
    sources = [*own, *(d.session_id or d.source_trace_id for d in written)]
    return families(talks, sources, embed.embed(talks), [c.family for c in cases])[len(cases) :]


def _numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d+", text))


def _rated(
    drafts: Sequence[Draft], real: Sequence[str], llm: LLM, minimum: int, app: str
) -> tuple[list[ProposedCase], list[tuple[str, str]]]:
    """Let the model rate how real they are; a text that could not be rated goes to the people unrated."""
    replies = llm.ask([realism_ask(d.input, real, app) for d in drafts]) if drafts else []
    scores = [r.parsed.score if isinstance(r.parsed, Realism) else None for r in replies]
    rated = [ProposedCase(d, score) for d, score in zip(drafts, scores, strict=True)]
    kept = [p for p in rated if p.realism is None or p.realism >= minimum]
    return kept, [(p.draft.input, f"realism {p.realism} of 5") for p in rated if p not in kept]


def _attacks(drafts: Sequence[Draft], pending: Pending, n: int) -> list[Draft]:
    """Attack happy paths, whose answer is known to be right otherwise; failures where there are none."""
    done = [p.draft.transform or "" for p in pending.all if p.draft.kind == "adversarial"]
    real = _telling([d for d in drafts if d.kind == "happy_path"] or [d for d in drafts if d.kind == "failure"])
    known = {p.case_id for p in pending.all}
    return [d for d in attack_in_turn(real, done, n) if d.case_id not in known]
