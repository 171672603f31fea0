"""How many calls may be in flight and how long one may take."""

from __future__ import annotations

import asyncio
import time

from flywheel_pipeline.adapters.llm.limiter import MIN_SAMPLES, MIN_TIMEOUT, Latencies, Limiter


def test_calls_that_were_already_on_their_way_do_not_halve_the_limit_again() -> None:
    async def run() -> list[float]:
        limiter, started = Limiter(64), time.monotonic()
        seen = []
        for _ in range(10):
            limiter.throttled(started, 0.0)
            seen.append(limiter.limit)
        limiter.throttled(time.monotonic(), 0.0)
        return [*seen, limiter.limit]

    assert asyncio.run(run()) == [32.0] * 10 + [16.0]


def test_the_limit_never_falls_below_one_and_grows_back_by_one_a_round() -> None:
    async def run() -> tuple[float, float, float]:
        limiter = Limiter(8)
        for _ in range(9):
            limiter.throttled(time.monotonic(), 0.0)
        lowest = limiter.limit
        limiter.succeeded()
        one_round = limiter.limit
        for _ in range(500):
            limiter.succeeded()
        return lowest, one_round, limiter.limit

    assert asyncio.run(run()) == (1.0, 2.0, 8.0)


def test_nothing_starts_during_a_pause_and_everything_after_it() -> None:
    async def run() -> tuple[float, int]:
        limiter, started = Limiter(4), time.monotonic()
        limiter.throttled(started, 0.2)
        n = 0

        async def work() -> None:
            nonlocal n
            async with limiter:
                n += 1

        await asyncio.wait_for(asyncio.gather(*(work() for _ in range(20))), 5)
        return time.monotonic() - started, n

    took, n = asyncio.run(run())
    assert took >= 0.2 and n == 20


def test_a_waiter_that_is_cancelled_takes_no_place() -> None:
    async def run() -> int:
        limiter = Limiter(1)
        await limiter.__aenter__()
        waiting = [asyncio.ensure_future(limiter.__aenter__()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        limiter._release()
        waiting[1].cancel()
        await asyncio.sleep(0)
        await asyncio.wait_for(waiting[2], 5)
        return limiter.in_flight

    assert asyncio.run(run()) == 1


def test_a_timeout_is_learned_from_enough_latencies_and_doubles_for_a_question_that_timed_out() -> None:
    latencies = Latencies(60)
    for _ in range(MIN_SAMPLES - 1):
        latencies.add(1.0)
    assert latencies.timeout(0) == 60
    latencies.add(1.0)
    assert [latencies.timeout(k) for k in range(5)] == [4.0, 8.0, 16.0, 32.0, 60]


def test_a_fast_model_has_two_seconds_and_a_slow_one_never_more_than_the_setting() -> None:
    fast, slow = Latencies(60), Latencies(60)
    for _ in range(100):
        fast.add(0.01)
        slow.add(40.0)
    assert (fast.timeout(0), slow.timeout(0)) == (MIN_TIMEOUT, 60)
