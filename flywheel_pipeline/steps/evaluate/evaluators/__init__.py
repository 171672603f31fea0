"""The evaluators: code checks, one module per kind; `judge:<mode_id>` judges a failure mode, `criteria` a case."""
