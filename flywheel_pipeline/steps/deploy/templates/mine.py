"""Find the templates behind rendered system prompts, and count how many prompts each of them reproduces exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.prompts import VARIABLE
from flywheel_pipeline.steps.deploy.promote import system_prompt
from flywheel_pipeline.steps.deploy.templates.align import ENOUGH, WORD, Piece, align, tokens_of
from flywheel_pipeline.steps.deploy.templates.group import group_texts
from flywheel_pipeline.steps.deploy.templates.names import name_variables
from flywheel_pipeline.steps.deploy.templates.template import Rendered, Template, plain_text

MOST_TEXTS, MOST_CHARACTERS = 300, 3_000_000
"""Different prompts, and their characters, that templates are mined from; all prompts are read back afterwards."""
LONGEST = 50_000
"""Characters of a prompt that is looked at; longer ones are counted."""
ROUNDS = 4
"""How often templates are looked for among the prompts that none so far reproduces."""
LEAST_WORDS = 2
"""Words that a template must have besides its variables."""
SHOWN = 3


@dataclass(frozen=True)
class Coverage:
    """How the prompts read under one template.

    Attributes:
        n: prompts that it reproduces exactly from values that are known.
        n_different: how many different prompts these are.
        n_ambiguous: prompts that it reproduces from more than one set of values, so that none is known.
        examples: {variable: up to three of its values}.
    """

    n: int
    n_different: int
    n_ambiguous: int
    examples: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Mined:
    """What was found, the template of most prompts first, and what was not understood.

    Attributes:
        templates: the templates with their coverage.
        n_prompts: prompts that were looked at.
        n_unfit: prompts that no template reproduces.
        unfit: some of these.
        n_too_long: prompts of more than `LONGEST` characters, which were not looked at.
        n_unfilled: prompts that still hold `{{variables}}`, whose values they do not show.
    """

    templates: tuple[tuple[Template, Coverage], ...]
    n_prompts: int
    n_unfit: int
    unfit: tuple[str, ...]
    n_too_long: int
    n_unfilled: int


def mine_templates(prompts: Mapping[str, int]) -> Mined:
    """Return the templates of {rendered system prompt: number of traces}.

    Nothing is guessed: every template reproduces the prompts that it is counted for character by character (line ends
    and blanks around the prompt aside), and prompts that fit none are counted and shown.
    """
    counts: dict[str, int] = {}
    for prompt, n in prompts.items():
        counts[plain_text(prompt)] = counts.get(plain_text(prompt), 0) + n
    short = {p: n for p, n in counts.items() if p and len(p) <= LONGEST}
    unfilled = {p for p in short if VARIABLE.search(p)}
    left = {p: n for p, n in short.items() if p not in unfilled}
    found: list[Template] = []
    for _ in range(ROUNDS):
        new = [t for t in _mined(left) if t not in found]
        if not new:
            break
        found += new
        left = {p: n for p, n in left.items() if not any(t.read(p) for t in new)}
    constant = [Template((p,), ()) for p, n in left.items() if n >= ENOUGH]
    found, left = [*found, *constant], {p: n for p, n in left.items() if n < ENOUGH}
    readable = {p: n for p, n in short.items() if p not in unfilled}
    kept = _without_special_cases(found, readable)
    covered = sorted(measure_coverage(kept, readable), key=lambda item: (-item[1].n, item[0].text))
    return Mined(
        tuple(covered), sum(n for p, n in counts.items() if p), sum(left.values()),
        tuple(sorted(left, key=lambda p: (-left[p], p))[:SHOWN]),
        sum(n for p, n in counts.items() if len(p) > LONGEST), sum(short[p] for p in unfilled),
    )  # fmt: skip


def read_prompt(templates: Sequence[Template], prompt: str) -> tuple[Template, Rendered] | None:
    """Return the template that reproduces a prompt, and its values; None if none does.

    Of several, the one with the longest literal text, which says most of the prompt.
    """
    text = plain_text(prompt)
    fits = ((t, r) for t in sorted(templates, key=lambda t: -t.n_literal) if (r := t.read(text)))
    return next(fits, None)


def variables_in(templates: Sequence[Template], messages: str) -> Mapping[str, str]:
    """Return the values of the variables in the system prompt of a trace's messages (JSON).

    Nothing where no template reproduces it, or where the values are not known for sure.
    """
    found = read_prompt(templates, system_prompt(json.loads(messages))) if templates else None
    return {} if found is None or found[1].is_ambiguous else found[1].values


def measure_coverage(templates: Sequence[Template], prompts: Mapping[str, int]) -> list[tuple[Template, Coverage]]:
    """Return how many of {prompt: number of traces} each template reproduces; each prompt counts once."""
    read: dict[Template, list[tuple[str, Rendered]]] = {t: [] for t in templates}
    for prompt in prompts:
        if found := read_prompt(templates, prompt):
            read[found[0]].append((prompt, found[1]))
    return [(t, _coverage(t, read[t], prompts)) for t in templates]


def _coverage(template: Template, read: Sequence[tuple[str, Rendered]], prompts: Mapping[str, int]) -> Coverage:
    sure = [(p, r.values) for p, r in read if not r.is_ambiguous]
    examples = {
        name: tuple(dict.fromkeys(values[name] for _, values in sure))[:SHOWN] for name in dict.fromkeys(template.names)
    }
    n_ambiguous = sum(prompts[p] for p, r in read if r.is_ambiguous)
    return Coverage(sum(prompts[p] for p, _ in sure), len(sure), n_ambiguous, examples)


def _mined(prompts: Mapping[str, int]) -> list[Template]:
    """Return a template for each group of different prompts that have words in common."""
    texts = _sample(prompts)
    found = [_template([texts[i] for i in group]) for group in group_texts(texts) if len(group) > 1]
    said_enough = [t for t in found if _n_words(t) >= LEAST_WORDS]
    return [t for t in dict.fromkeys(said_enough) if Template.of(t.text) == t]


def _sample(prompts: Mapping[str, int]) -> list[str]:
    """Return different prompts spread evenly over all in alphabetical order, as many as may be aligned."""
    ordered = sorted(prompts)
    step = max(1, -(-len(ordered) // MOST_TEXTS))
    kept, size = list[str](), 0
    for text in ordered[::step]:
        size += len(text)
        if size > MOST_CHARACTERS and len(kept) > 1:
            break
        kept.append(text)
    return kept


def _n_words(template: Template) -> int:
    return sum(bool(WORD.match(t)) for literal in template.literals for t in tokens_of(literal))


def _template(texts: Sequence[str]) -> Template:
    """Return the template of texts that are presumably of one."""
    literals = _literals(align([tokens_of(t) for t in texts]))
    unnamed = Template(literals, tuple(f"v{i}" for i in range(len(literals) - 1)))
    read = [r for t in texts if (r := unnamed.read(t))]
    values = [[r.values[name] for r in read] for name in unnamed.names]
    return Template(literals, tuple(name_variables(literals, values)))


def _literals(pieces: Sequence[Piece]) -> tuple[str, ...]:
    return tuple(p for p in pieces if p is not None)


def _without_special_cases(templates: Sequence[Template], prompts: Mapping[str, int]) -> list[Template]:
    """Drop templates whose prompts another one reproduces as surely, with at least half of its literal text."""
    fits = {t: {p for p in prompts if (r := t.read(p)) and not r.is_ambiguous} for t in templates}
    kept = list(templates)
    for t in sorted(templates, key=lambda t: len(fits[t])):
        wider = (o for o in kept if o is not t and fits[t] <= fits[o] and 2 * o.n_literal >= t.n_literal)
        if next(wider, None):
            kept.remove(t)
    return kept
