"""How to run the app under test on golden cases: each module is one way, all of them the `App` port.

`prompt` is a system prompt and a model; `function` a Python callable; `http` an endpoint; `recorded` answers from a
file. `remembered` keeps the answers of an app of your own, so that none is made twice. `own_function` loads and calls
a person's own functions, also those that judge answers.
"""

from flywheel_pipeline.adapters.apps.function import FunctionApp
from flywheel_pipeline.adapters.apps.http import Endpoint, HttpApp
from flywheel_pipeline.adapters.apps.own_function import OwnEvaluatorFunction
from flywheel_pipeline.adapters.apps.prompt import PromptApp, app_ask
from flywheel_pipeline.adapters.apps.recorded import RecordedApp, read_answers
from flywheel_pipeline.adapters.apps.remembered import RememberedApp
from flywheel_pipeline.adapters.apps.retrieve import OwnRetrieval

__all__ = [
    "Endpoint",
    "FunctionApp",
    "HttpApp",
    "OwnEvaluatorFunction",
    "OwnRetrieval",
    "PromptApp",
    "RecordedApp",
    "RememberedApp",
    "app_ask",
    "read_answers",
]
