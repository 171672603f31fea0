"""Send OTLP export requests to the user's own tracing, over HTTP."""

from flywheel_pipeline.adapters.otlp.otlp_http import Sent, Target, send_requests, target_of

__all__ = ["Sent", "Target", "send_requests", "target_of"]
