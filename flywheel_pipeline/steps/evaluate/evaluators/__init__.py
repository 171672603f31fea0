"""The evaluators: `answered` and `resisted` are code, `judge:<mode_id>` is one LLM judge a failure mode."""
