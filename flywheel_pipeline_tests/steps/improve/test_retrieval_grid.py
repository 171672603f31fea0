"""Settings of a retrieval are compared on the same cases, with a bound for the best of many."""

from __future__ import annotations

from flywheel_pipeline.steps.improve.retrieval_grid import Found, combinations, measure_grid


def found(hits: int, n: int = 40, error: str = "") -> list[Found]:
    """`hits` of n cases find both documents they need, the others one of them."""
    both, one = ("x", "a", "b"), ("a", "x")
    return [
        Found(f"g-{i}", f"f-{i}", frozenset("ab"), both if i < hits else one, error if i == 0 else "") for i in range(n)
    ]


def test_a_combination_is_better_only_where_it_is_shown() -> None:
    base, much, little = measure_grid([({"k": 3}, found(10)), ({"k": 5}, found(12)), ({"k": 10}, found(30))])
    assert (base.change, base.recall, base.all_found.n) == (None, 0.5 + 10 / 40 / 2, 40)
    assert (much.options, much.is_better) == ({"k": 10}, True)
    assert (little.options, little.is_better) == ({"k": 5}, False)
    assert "k=10: all documents found 75%" in str(much) and "20 found and 0 lost, shown better" in str(much)


def test_the_best_of_many_needs_more_than_the_best_of_one() -> None:
    alone = measure_grid([({}, found(10)), ({"k": 5}, found(14))])[1]
    among = measure_grid([({}, found(10)), ({"k": 5}, found(14)), *(({"k": k}, found(10)) for k in range(6, 30))])
    assert alone.is_better and not any(m.is_better for m in among)


def test_errors_find_nothing_and_nothing_is_shown_with_them() -> None:
    (_, other) = measure_grid([({}, found(10)), ({"k": 10}, found(40, error="timed out"))])
    assert (other.n_errors, other.is_better, other.all_found.value) == (1, False, 39 / 40)
    assert "1 errors" in str(other)


def test_all_combinations_are_made_the_settings_of_today_first() -> None:
    assert list(combinations({"k": [3, 5], "rerank": [False, True]}))[:2] == [
        {"k": 3, "rerank": False}, {"k": 3, "rerank": True}
    ]  # fmt: skip
    assert list(combinations({})) == [{}]
