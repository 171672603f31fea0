"""A line now and then, and none for work that is done at once."""

from __future__ import annotations

from flywheel_pipeline.adapters.llm.progress import Progress


def test_a_long_run_says_how_far_it_is_how_fast_and_how_long_it_will_take() -> None:
    lines: list[str] = []
    now = iter([0.0, 2.0, 6.0, 7.0, 8.0])
    progress = Progress(4, lines.append, lambda: next(now))
    progress.n_calls, progress.n_cached, progress.n_errors, progress.cost_usd = 12, 3, 1, 0.25
    progress.done()
    progress.done()
    progress.done()
    progress.unpriced = 2
    progress.end()
    assert lines == [
        "2 of 4 done: 12 requests, 3 from the cache, 1 errors, 0.2500 USD, 2.0 requests/s, about 6 s left",
        "3 of 4 done: 12 requests, 3 from the cache, 1 errors, 0.2500 USD and 2 calls of unknown price, "
        "1.5 requests/s, about 3 s left",
    ]


def test_a_short_run_says_nothing() -> None:
    lines: list[str] = []
    progress = Progress(1, lines.append, lambda: 0.0)
    progress.done()
    progress.end()
    assert lines == []
