"""The evaluators: code checks, one module per kind, and judges: `judge:<mode_id>` of a failure mode, `criteria` of a case."""
