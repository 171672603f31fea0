"""What all parts of `flywheel.yaml` have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of `flywheel.yaml`; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
