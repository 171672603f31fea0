"""The pages of the evaluations: what changed between two versions, and where judges and expert disagree."""
