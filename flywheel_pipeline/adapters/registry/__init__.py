"""The prompt registry: every version is a file that is never changed, labels point at versions."""

from flywheel_pipeline.adapters.registry.labels import PRODUCTION, Canary, Labels, Move
from flywheel_pipeline.adapters.registry.versions import Registry

__all__ = ["PRODUCTION", "Canary", "Labels", "Move", "Registry"]
