"""A home whose app is answered by another model, the prompt and everything else as they are."""

from __future__ import annotations

from flywheel_pipeline.errors import EditError
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.settings import ModelSettings


def refuse_if_own(bench: Workbench) -> None:
    """Refuse an app that is not a prompt and a model, for which `models.app` is not asked.

    Raises:
        EditError: it is one.
    """
    app = bench.settings.app
    own = next((name for name in ("function", "http", "recorded") if getattr(app, name)), None)
    if own:
        raise EditError(
            f"The app is run by app.{own}, which does not ask models.app: its model cannot be changed here."
        )


def with_model(bench: Workbench, name: str) -> Workbench:
    """Return the home with another model as the app's.

    It is called as `evaluate.models` says, or like `models.app` where it is not there; a price that `models.app` states
    is that model's, and is not taken over.

    Raises:
        EditError: the app does not ask `models.app`.
    """
    refuse_if_own(bench)
    settings = bench.settings
    known = {m.model: m for m in settings.evaluate.models}
    app: ModelSettings = known.get(name) or settings.models.app.model_copy(update={"model": name, "price": None})
    models = settings.models.model_copy(update={"app": app})
    return Workbench(settings.model_copy(update={"models": models}), turn_began=bench.turn_began)
