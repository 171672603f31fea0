"""Language models by role: cached, bounded in money and calls, retried, and logged request by request.

`ModelClient` is the `Engine` port. `store` keeps replies and calls in one SQLite file; `caller` asks one model and
learns how much its endpoint bears; `calling` and `direct` are the ways to a model; `offline` is the stand-in.
"""

from flywheel_pipeline.adapters.llm.budget import Budget
from flywheel_pipeline.adapters.llm.calling import RoleModel
from flywheel_pipeline.adapters.llm.client import CallLimits, ModelClient
from flywheel_pipeline.adapters.llm.meter import CallMeter
from flywheel_pipeline.adapters.llm.pricing import Price
from flywheel_pipeline.adapters.llm.store import ReplyStore, Usage

__all__ = ["Budget", "CallLimits", "CallMeter", "ModelClient", "Price", "ReplyStore", "RoleModel", "Usage"]
