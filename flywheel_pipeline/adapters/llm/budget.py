"""The limits on what a client may spend, checked before every request."""

from __future__ import annotations

from dataclasses import dataclass

from flywheel_pipeline.errors import BudgetError

AFTER = "Finished calls are cached: raise {key} in flywheel.yaml and run again; only what is missing is asked."


@dataclass
class Budget:
    """Dollars and requests: of this client, which lives for one step of a run, of the whole turn, and of 24 hours.

    A limit of 0 is none. `turn_spent_usd` and `turn_calls` are what the steps of the turn used before this client,
    `day_spent_usd` and `day_calls` what all steps and processes used in the 24 hours before it. Requests in flight
    count with the mean cost so far, so that a limit is not passed by as many calls as are in flight.
    """

    budget_usd: float = 0.0
    max_calls: int = 0
    daily_budget_usd: float = 0.0
    daily_max_calls: int = 0
    day_spent_usd: float = 0.0
    day_calls: int = 0
    turn_budget_usd: float = 0.0
    turn_max_calls: int = 0
    turn_spent_usd: float = 0.0
    turn_calls: int = 0
    spent_usd: float = 0.0
    n_calls: int = 0
    _in_flight: int = 0

    @property
    def needs_prices(self) -> bool:
        """Whether a limit in dollars holds, which means nothing for a model of unknown price."""
        return self.budget_usd > 0 or self.turn_budget_usd > 0 or self.daily_budget_usd > 0

    def start(self) -> None:
        """Count a request before it is made.

        Raises:
            BudgetError: a limit is reached.
        """
        mean = self.spent_usd / (self.n_calls - self._in_flight) if self.n_calls > self._in_flight else 0.0
        spent = self.spent_usd + mean * self._in_flight
        for used, most, key, what in (
            (spent, self.budget_usd, "llm.budget_usd", "this step's budget ({most:.4g} USD) is spent"),
            (self.turn_spent_usd + spent, self.turn_budget_usd, "llm.turn_budget_usd",
             "the budget of this turn ({most:.4g} USD) is spent"),
            (self.day_spent_usd + spent, self.daily_budget_usd, "llm.daily_budget_usd",
             "the budget of 24 hours ({most:.4g} USD) is spent"),
            (self.n_calls, self.max_calls, "llm.max_calls", "this step's {most} calls are made"),
            (self.turn_calls + self.n_calls, self.turn_max_calls, "llm.turn_max_calls",
             "the {most} calls of this turn are made"),
            (self.day_calls + self.n_calls, self.daily_max_calls, "llm.daily_max_calls",
             "the {most} calls of 24 hours are made"),
        ):  # fmt: skip
            if used >= most > 0:
                raise BudgetError(f"Stopped: {what.format(most=most)}. {AFTER.format(key=key)}")
        self.n_calls += 1
        self._in_flight += 1

    def end(self, cost_usd: float) -> None:
        """Count what a request cost, when it has ended; an estimate where the provider does not say."""
        self._in_flight -= 1
        self.spent_usd += cost_usd
