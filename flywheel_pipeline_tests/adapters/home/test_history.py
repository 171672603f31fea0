"""Every version of a file that was read is kept, once, in order."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.adapters.home import Home
from flywheel_pipeline.adapters.home.history import History

NOON = datetime(2025, 6, 2, 12)


def test_a_version_is_kept_as_it_was_read_and_the_same_one_only_once(tmp_path: Path) -> None:
    history = Home(tmp_path).history("labels")
    for data in (b"one", b"one", b"two", b"one"):
        history.keep({"team/a.csv": data}, NOON)
    assert history.versions() == {"team/a.csv": [b"one", b"two", b"one"]}
    names = sorted(p.name for p in (tmp_path / "labels" / ".history" / "team" / "a.csv").iterdir())
    assert [n[:22] for n in names] == ["0001-20250602T120000Z-", "0002-20250602T120000Z-", "0003-20250602T120000Z-"]
    assert all(n.endswith(".csv") for n in names)


def test_the_clock_does_not_decide_the_order(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.keep({"a.csv": b"one"}, NOON)
    history.keep({"a.csv": b"two"}, datetime(2020, 1, 1, tzinfo=timezone.utc))
    assert history.versions() == {"a.csv": [b"one", b"two"]}


def test_versions_are_no_files_of_their_folder(tmp_path: Path) -> None:
    Home(tmp_path).history("labels").keep({"a.csv": b"one"}, NOON)
    assert Home(tmp_path).files("labels") == [] and Home(tmp_path).history("traces").versions() == {}


def test_what_a_kill_left_behind_is_no_version(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.keep({"a.csv": b"one"}, NOON)
    (tmp_path / ".history" / "a.csv" / ".0002-x.csv.5f").write_bytes(b"tw")
    history.keep({"a.csv": b"two"}, NOON)
    assert history.versions() == {"a.csv": [b"one", b"two"]}


def test_a_file_and_a_folder_of_one_name_do_not_meet(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.keep({"a": b"one"}, NOON)
    history.keep({"a/b.csv": b"two"}, NOON)
    assert history.versions() == {"a": [b"one"], "a/b.csv": [b"two"]}


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=3), min_size=1, max_size=8))
def test_the_last_version_is_what_was_read_last_and_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, read: Any
) -> None:
    history = History(tmp_path_factory.mktemp("history"))
    for data in read:
        history.keep({"a.csv": data}, NOON)
    found = history.versions()["a.csv"]
    assert found[-1] == read[-1] and set(found) == set(read)
    assert all(a != b for a, b in pairwise(found))
