"""The evaluators: `answered` is code, `judge:<mode_id>` is one LLM judge a failure mode."""
