"""Whether two texts state the same facts, as far as code can see: quantities, names and negations."""

from __future__ import annotations

from dataclasses import dataclass

from flywheel_pipeline.steps.evaluate.evaluators.facts.names import Names, names_in
from flywheel_pipeline.steps.evaluate.evaluators.facts.negation import contradiction
from flywheel_pipeline.steps.evaluate.evaluators.facts.quantities import Quantity, quantities


@dataclass(frozen=True)
class Difference:
    """How the facts of an answer differ from those of a reference.

    `conflict` says what cannot both be right; `doubt` what one has and the other does not. Empty if there is nothing.
    """

    conflict: str = ""
    doubt: str = ""


def compare(reference: str, answer: str, known: str = "") -> Difference:
    """Compare the facts of an answer with those of a reference; `known` is what the answer may repeat."""
    found = (
        _quantities(quantities(reference), quantities(answer), quantities(known)),
        _names(names_in(reference), names_in(answer), names_in(known)),
        _negations(reference, answer),
    )
    conflict = next((d.conflict for d in found if d.conflict), "")
    return Difference(conflict, next((d.doubt for d in found if d.doubt), ""))


def without(mine: list[Quantity], others: list[Quantity]) -> list[Quantity]:
    """Return the quantities that are not among `others`."""
    return [q for q in mine if not any(q.equals(o) for o in others)]


def _quantities(reference: list[Quantity], answer: list[Quantity], known: list[Quantity]) -> Difference:
    missing, further = without(reference, answer), without(answer, [*reference, *known])
    pairs = [(f, m) for f in further for m in missing if f.unit == m.unit]
    if pairs:
        return Difference(conflict=f'"{pairs[0][0].text}" instead of "{pairs[0][1].text}"')
    if missing:
        return Difference(doubt=f'"{missing[0].text}" is missing')
    return Difference(doubt=f'"{further[0].text}" is not in the reference') if further else Difference()


def _names(reference: Names, answer: Names, known: Names) -> Difference:
    missing, further = reference.exact - answer.exact, answer.exact - reference.exact - known.exact
    if missing and further:
        return Difference(conflict=f'"{min(further)}" instead of "{min(missing)}"')
    lost = {w for key, w in reference.capitalised.items() if key not in answer.words}
    new = {w for key, w in answer.capitalised.items() if key not in reference.words | known.words}
    if lost and new:
        return Difference(conflict=f'the name "{min(new)}" instead of "{min(lost)}"')
    rest = [*(f'"{m}" is missing' for m in sorted(missing | lost)),
            *(f'"{f}" is not in the reference' for f in sorted(further | new))]  # fmt: skip
    return Difference(doubt=rest[0] if rest else "")


def _negations(reference: str, answer: str) -> Difference:
    what, certain = contradiction(reference, answer)
    return Difference(conflict=what) if certain else Difference(doubt=what)
