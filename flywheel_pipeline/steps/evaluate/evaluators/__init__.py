"""The evaluators: `answered` and `resisted` are code, `judge:<mode_id>` judges a failure mode, `criteria` a case."""
