"""The evaluators: code checks, one module per kind, and judges, `judge:<mode_id>` and `criteria`, which ask a model."""
