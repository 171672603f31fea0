"""Failure modes on a home: built by a run (`build`), reviewed by people (`review`)."""
