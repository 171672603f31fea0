"""One regular expression over many texts, in one pass over each whatever it holds: RE2, which DuckDB brings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import duckdb
import pandas as pd

SQL = "select place from (select row_number() over () - 1 as place, text from texts) where regexp_matches(text, ?)"


class Re2Match:
    """A `Match` on one core."""

    @cached_property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect(":memory:")
        con.execute("set threads = 1")
        return con

    def find(self, pattern: str, texts: Sequence[str]) -> list[int]:
        """Return the places of the texts that hold the pattern; all, should one of them be no valid Unicode."""
        con = self._engine.cursor()
        try:
            con.register("texts", pd.DataFrame({"text": pd.Series(texts, dtype=object)}))
            found = con.execute(SQL, [pattern]).fetchall() if texts else []
        except (duckdb.InvalidInputException, duckdb.InternalException):  # DuckDB 2; DuckDB 1, unusable afterwards
            vars(self).pop("_engine", None)
            return list(range(len(texts)))
        finally:
            con.close()
        return [int(place) for (place,) in found]
