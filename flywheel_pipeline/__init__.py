"""The data flywheel for LLM applications, as a Dagster project.

Production traces become steady improvement, one folder per step, in the order of the flywheel:

==================  ==========================================================================
``steps/capture``   export files in the landing folder -> ``raw_traces``
``steps/sample``    the diverse, failure-seeking, weighted batch to label -> ``sampled_traces``
``steps/annotate``  the expert's label files -> ``annotations``
``steps/cluster``   comments on failures -> ``failure_taxonomy``, ``failure_assignments``
``steps/golden``    the permanent test set -> ``golden_set``
``steps/evaluate``  one targeted evaluator per failure mode -> ``eval_results``
``steps/improve``   a better prompt and the gate's decision -> ``prompt_candidate``
``steps/deploy``    which prompt may become the production prompt
==================  ==========================================================================

``steps`` is pure logic; ``flows`` carries each step out on a home; Dagster (``defs``), the command line (``commands``),
the pages (``web``) and the Python API (``flywheel``) are faces of the flows; the outside world is in ``adapters``;
``records`` is the vocabulary that all share. Nothing is imported here, so that importing the package costs nothing;
``FlywheelComponent`` (``defs/component.py``) adds a flywheel to a Dagster project; it is loaded when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "FlywheelComponent":
            return import_module("flywheel_pipeline.defs.component").FlywheelComponent
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), "FlywheelComponent"})
