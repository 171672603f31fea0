"""Templates are mined from rendered prompts, reproduce them exactly, and leave alone what they do not fit."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.deploy.templates import Mined, Template, mine_templates, read_prompt

COVERS = (
    "steps/deploy/templates/mine.py", "steps/deploy/templates/align.py", "steps/deploy/templates/group.py",
    "steps/deploy/templates/names.py", "steps/deploy/templates/template.py",
)  # fmt: skip
NAMES = ("Ada Lind", "Kofi", "Mei-Ling Wu", "Bo", "Zoë O'Neil", "Sam P. Reyes", "Ines")
VOCABULARY = "the soil of a pot needs water and light, not sun. in spring: prune it".split()
ARTICLES = [" ".join(random.Random(i).choices(VOCABULARY, k=6 + i)) for i in range(12)]


def support(r: random.Random) -> str:
    return (
        f"You are Moss, who helps gardeners.\nCustomer: {r.choice(NAMES)} (plan: {r.choice(('free', 'paid'))})\n"
        f"Today is 2025-07-{r.randint(1, 28):02}.\n\n# Articles\n{r.choice(ARTICLES)}\n\nUse the articles only."
    )


def vip(r: random.Random) -> str:
    return support(r).replace("Use the", "This person pays for the premium service: offer a call this week.\nUse the")


def router(r: random.Random) -> str:
    asked = " ".join(r.choices(VOCABULARY, k=r.randint(3, 15)))
    return f"Sort requests into teams.\n<request>{asked}</request>\nName one team."


def traffic(*kinds: tuple[Callable[[random.Random], str], int]) -> Counter[str]:
    r = random.Random(3)
    return Counter(make(r) for make, n in kinds for _ in range(n))


def texts(found: Mined) -> list[str]:
    return [t.text for t, _ in found.templates]


SUPPORT = (
    "You are Moss, who helps gardeners.\nCustomer: {{customer}} (plan: {{plan}})\nToday is {{date}}.\n\n"
    "# Articles\n{{articles}}\n\nUse the articles only."
)


def test_a_template_is_found_with_names_from_the_words_beside_its_variables() -> None:
    found = mine_templates(traffic((support, 60)))
    assert texts(found) == [SUPPORT]
    (_, coverage), *_ = found.templates
    assert (coverage.n, found.n_prompts, found.n_unfit) == (60, 60, 0)
    assert set(coverage.examples["plan"]) == {"free", "paid"}


def test_several_templates_of_one_app_are_found_apart_and_an_optional_part_makes_one_of_its_own() -> None:
    found = mine_templates(traffic((support, 80), (router, 12), (vip, 30), (lambda _: "You sum up a ticket.", 9)))
    assert [c.n for _, c in found.templates] == [80, 30, 12, 9]
    assert texts(found)[0] == SUPPORT
    assert texts(found)[1] == SUPPORT.replace("Use the", vip(random.Random(3)).splitlines()[-2] + "\nUse the")
    assert texts(found)[2:] == [
        "Sort requests into teams.\n<request>{{request}}</request>\nName one team.", "You sum up a ticket."
    ]  # fmt: skip


def test_prompts_that_fit_no_template_are_counted_and_shown() -> None:
    found = mine_templates({**traffic((support, 40)), "A lonely prompt.": 2, "": 7, "x" * 60_000: 1})
    assert (found.n_prompts, found.n_unfit, found.unfit, found.n_too_long) == (43, 2, ("A lonely prompt.",), 1)


def test_prompts_that_were_traced_unfilled_have_no_values_to_find() -> None:
    found = mine_templates({"Greet {{ customer }} warmly.": 9})
    assert (found.templates, found.n_unfilled, found.n_unfit) == ((), 9, 0)


def test_two_prompts_with_a_word_in_common_by_chance_are_not_cut_at_it() -> None:
    found = mine_templates({"Note: my order came late today\nBe kind.": 1, "Note: no order in sight yet\nBe kind.": 1})
    assert texts(found) == ["Note: {{note}}\nBe kind."]


def test_values_that_could_be_split_otherwise_are_counted_and_not_known() -> None:
    template = Template.of("From {{a}} to {{b}}.")
    assert template.read("From Rome to Oslo.") is not None
    unclear = template.read("From here to there to Oslo.")
    assert unclear is not None and unclear.is_ambiguous
    assert Template.of("{{x}} and again {{x}}").read("one and again two") is None
    assert template.read("From Rome") is None


def test_a_value_that_two_of_three_prompts_share_makes_no_template() -> None:
    found = mine_templates(
        {f"You help {n}. Plan: {p}.": 5 for n, p in (("Ada", "free"), ("Bo", "paid"), ("Cy", "free"))}
    )
    assert texts(found) == ["You help {{help}}. Plan: {{plan}}."]


def test_scripts_without_spaces_are_aligned_by_their_letters() -> None:
    names = ("王伟", "李娜", "张三丰", "陈", "欧阳修", "赵敏", "孙悟", "周杰", "吴京")
    prompts = {f"客户姓名：{n}。今天是{i + 1}月{2 * i + 3}日。请简短回答。": 1 for i, n in enumerate(names)}
    ((template, coverage),) = mine_templates(prompts).templates
    assert template.literals == ("客户姓名：", "。今天是", "月", "日。请简短回答。") and coverage.n == 9


def test_a_name_is_given_once_and_equal_values_share_it() -> None:
    names = ("Ada", "Kofi", "Mei", "Bo", "Zoë", "Ines", "Sam", "Lin", "Uwe")
    prompts = {f"Name: {n}\nName: {n[::-1]}x\nGreet {n} by name, please.": 1 for n in names}
    assert texts(mine_templates(prompts)) == ["Name: {{name}}\nName: {{name_2}}\nGreet {{name}} by name, please."]


def test_of_two_templates_that_fit_the_one_that_says_more_is_read() -> None:
    wide, narrow = Template.of("Be {{how}}."), Template.of("Be kind to {{who}}.")
    found = read_prompt([wide, narrow], "  Be kind to Ada.\r\n")
    assert found is not None and (found[0], found[1].values) == (narrow, {"who": "Ada"})


WORDS = st.lists(st.sampled_from("you help with plants soil seeds and tools keep it short never guess".split()),
                 min_size=2, max_size=6)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(WORDS, min_size=2, max_size=5), st.integers(0, 10**6), st.booleans())
def test_mining_gives_back_the_template_that_prompts_were_rendered_from(
    parts: list[list[str]], seed: int, has_lines: bool
) -> None:
    """Up to names, where values vary: they begin and end with words of their own, and no literal word is in them."""
    r = random.Random(seed)
    # every literal is marked by its place, so that no two of them are the same
    literals = [f"{' '.join(words)} part{i}:" for i, words in enumerate(parts)]
    between = "\n" if has_lines else " "
    template = Template.of(between.join(f"{x} {{{{v{i}}}}};" for i, x in enumerate(literals)) + between + "The end.")

    def value() -> str:
        return " ".join(f"w{r.randrange(10**6)}" for _ in range(r.randint(1, 4)))

    prompts = {template.render({n: value() for n in template.names}): 1 for _ in range(12)}
    found = mine_templates(prompts)
    ((mined, coverage),) = found.templates
    assert (mined.literals, coverage.n, found.n_unfit) == (template.literals, 12, 0)
    for prompt in prompts:
        read = mined.read(prompt)
        assert read is not None and mined.render(read.values) == prompt
