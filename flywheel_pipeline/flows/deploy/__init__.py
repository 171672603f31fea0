"""The prompts of a home: promoted, rolled back, labelled, and tried on a share of traffic."""
