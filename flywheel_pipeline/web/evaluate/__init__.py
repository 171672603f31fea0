"""The pages of the evaluate step: what a change did, and the judges."""
