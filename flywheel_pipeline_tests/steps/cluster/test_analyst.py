"""The pipeline without a model: the same stages, by counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from flywheel_pipeline.adapters.embed import TfidfEmbed
from flywheel_pipeline.steps.cluster.analyst import WordAnalyst
from flywheel_pipeline.steps.cluster.build import Taxonomy, build_taxonomy
from flywheel_pipeline.steps.cluster.modes import Failure, Member, Mode, dump_modes, load_modes

SUBJECTS = ["hub", "probe", "valve", "parcel", "invoice", "battery", "account", "kit"]
WORDINGS = {
    "made": ["made up a fact on the {}", "invented something about the {}", "no source says so of the {}"],
    "person": ["no handover to a person for the {}", "wanted a human about the {}", "{}: should have been escalated"],
    "long": ["wall of text on the {}", "whole {} guide pasted", "far too long on the {}"],
    "twice": ["asked again for the {} number", "{} number was already given", "asks twice for the {}"],
}


def failures(subjects: Sequence[str] = SUBJECTS) -> list[Failure]:
    return [
        Failure(f"{kind}-{i}", texts[i % 3].format(s), f"Comment on {s}.", None)
        for kind, texts in WORDINGS.items()
        for i, s in enumerate(subjects)
    ]


def build(found: Sequence[Failure], known: Sequence[Mode] = (), most: int = 10) -> Taxonomy:
    return build_taxonomy(found, known, WordAnalyst(TfidfEmbed()), most)


def kinds(mode: Mode) -> Counter[str]:
    return Counter(x.trace_id.split("-")[0] for x in mode.members)


def test_what_words_find_are_groups_to_review_in_the_expert_s_words_and_the_rest_is_unassigned() -> None:
    built = build(failures())
    members = [x for m in built.modes for x in m.members]
    everything = sorted([x.trace_id for x in members] + [x.trace_id for x in built.unassigned])
    assert everything == sorted(f.trace_id for f in failures())
    assert {x.assigned_by for x in members} == {"CODE"}
    assert all(0 < x.confidence < 1 for x in members)
    assert built.agreement is not None and built.agreement.n <= len(members) and built.agreement.value > 0.7
    texts = {f.text for f in failures()}
    assert all(m.is_group and not m.definition and set(m.examples(3)) <= texts for m in built.modes)
    assert all(m.name.lower() == m.examples(1)[0].lower() for m in built.modes)


def test_at_most_as_many_modes_as_wanted() -> None:
    assert len(build(failures(), most=3).modes) <= 3


def test_the_same_failures_make_the_same_taxonomy() -> None:
    assert build(failures()) == build(failures())


def test_a_second_run_changes_nothing_and_a_new_failure_joins_its_mode() -> None:
    known = load_modes(dump_modes(build(failures()).modes))
    assert build(failures(), known).modes == tuple(known)
    new = Failure("person-new", "no handover to a person for the gate", "c", None)
    built = build([*failures(), new], known)
    (home,) = [m for m in built.modes if any(x.trace_id == "person-new" for x in m.members)]
    assert kinds(home).most_common(1)[0][0] == "person"
    assert built.added == ()


def test_a_failure_like_none_that_is_known_is_unassigned_and_several_alike_make_a_mode() -> None:
    known = build(failures()).modes
    alone = Failure("new-1", "Kundin wurde auf Finnisch angesprochen", "c", None)
    built = build([*failures(), alone], known)
    assert [x.trace_id for x in built.unassigned] == ["new-1"]
    alike = [replace(alone, trace_id=f"new-{i}", text=f"Kunde {i} wurde auf Finnisch angesprochen") for i in range(4)]
    later = build([*failures(), *alike], known)
    assert [sorted(kinds(m)) for m in later.modes if m.name in later.added] == [["new"]]


def test_a_failure_that_was_like_no_group_is_in_none_when_the_run_is_repeated() -> None:
    said = ["Promises a free dog sitter", "The price of the spa was asked too and is not answered", "Cancels nothing"]
    found = [Failure(f"{i}-{k}", text, "c", None) for i, text in enumerate(said) for k in range(5)]
    found.append(Failure("alone", "Asks for the date of birth and a card number", "c", None))
    first = build(found)
    assert [x.trace_id for x in first.unassigned] == ["alone"]
    assert [x.trace_id for x in build(found, first.modes).unassigned] == ["alone"]


def test_the_expert_s_categories_lead_and_win() -> None:
    given = [replace(f, category="Needs a person") if f.trace_id in ("person-0", "person-1", "person-2") else f
             for f in failures()]  # fmt: skip
    built = build([*given, Failure("odd", "wall of text on the gate", "c", "Needs a person")])
    (mode,) = [m for m in built.modes if m.name == "Needs a person"]
    human = {x.trace_id for x in mode.members if x.assigned_by == "HUMAN"}
    assert human == {"person-0", "person-1", "person-2", "odd"}
    assert kinds(mode)["person"] >= 6


def test_where_the_expert_gave_examples_those_of_code_do_not_count() -> None:
    by_code = tuple(Member(f"c{i}", f"wall of text {i}", "CODE", 0.9) for i in range(6))
    by_expert = (Member("h1", "no handover to a person", "HUMAN", 1.0), Member("h2", "wanted a human", "HUMAN", 1.0))
    mixed = Mode("fm-1", "Person", "d", members=(*by_code, *by_expert))
    other = Mode("fm-2", "Long", "d", members=(Member("l", "whole guide pasted, a wall of text", "HUMAN", 1.0),))
    built = build([Failure("new", "wall of text once more", "c", None)], [mixed, other])
    assert [m.mode_id for m in built.modes if any(x.trace_id == "new" for x in m.members)] == ["fm-2"]


def test_a_mode_that_a_person_wrote_takes_failures_by_its_name() -> None:
    written = [Mode("fm-1", "No handover to a person", "d", "accepted"), Mode("fm-2", "Too long", "d", "accepted")]
    built = build([Failure("new", "no handover to a person at night", "c", None)], written)
    assert [x.trace_id for x in built.modes[0].members] == ["new"]


def test_a_long_list_is_grouped_by_a_part_and_the_rest_of_it_assigned() -> None:
    many = [replace(f, trace_id=f"{f.trace_id}-{k}", text=f"{f.text} {k}") for k in range(4) for f in failures()]
    built = build_taxonomy(many, (), WordAnalyst(TfidfEmbed(), batch=40), 10)
    placed = sum(len(m.members) for m in built.modes)
    assert placed + built.n_unassigned == len(many)
    assert placed >= 0.6 * len(many)
    assert sum(max(kinds(m).values()) for m in built.modes) >= 0.8 * placed


def test_a_single_failure_is_no_group_and_texts_without_words_do_no_harm() -> None:
    assert [x.trace_id for x in build([failures()[0]]).unassigned] == ["made-0"]
    odd = [Failure(f"o{i}", t, t, None) for i, t in enumerate(["", "?!", "…", "\ud83d", "a" * 5000])]
    built = build([*failures(), *odd])
    assert sum(len(m.members) for m in built.modes) + built.n_unassigned == len(failures()) + 5
