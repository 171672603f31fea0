"""The evaluators, one module per kind, all listed in `catalogue`; judges are asked per failure mode and per case."""
