"""The port that all improvers share, and the budget that they need."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from flywheel_pipeline.errors import SettingsError
from flywheel_pipeline.steps.improve.trials import Trial, Trials

ROUNDS_OF_BUDGET = 20
"""Dev evaluations that the default budget is worth (GEPA's own advice is 15 to 30)."""


class Improver(Protocol):
    """One way to look for a better prompt."""

    @property
    def name(self) -> str:
        """What it is called in `improve.improvers` and in the table `prompt_trials`."""
        ...

    def minimum(self, n_dev: int) -> int:
        """Return the number of answers that one full round takes with `n_dev` dev cases."""
        ...

    def improve(self, start: Trial, trials: Trials) -> str:
        """Propose prompts to `trials`, beginning from `start`, and return why no more are proposed.

        Raises:
            SearchEnded: the trials accept no more proposals; its message says why.
        """
        ...


def default_budget(n_dev: int) -> int:
    """Return the number of answers that a search may ask for where the settings name none."""
    return ROUNDS_OF_BUDGET * n_dev


def require_budget(improvers: Collection[Improver], n_dev: int, max_answers: int) -> None:
    """Refuse a budget too small for one full round of every improver, before anything is called.

    Raises:
        SettingsError: the message names the minimum.
    """
    minimum = sum(i.minimum(n_dev) for i in improvers)
    if minimum > max_answers:
        names = " and ".join(i.name for i in improvers)
        raise SettingsError(
            f"improve.max_answers is {max_answers}: one full round of {names} on {n_dev} dev cases takes {minimum} "
            "answers. Raise it, or set it to 0 for the default."
        )
