"""One module a step: the step carried out on a home. Read files and tables, call the step, write back.

Dagster, the command line, the pages and `flywheel_pipeline.flywheel` are faces of these functions.
"""
