"""Times in all spellings; one that may be two moments is refused."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.capture.formats.times import UnreadableError, utc

MOMENT = datetime(2025, 3, 14, 15, 9, 26)
SPELLINGS = [
    "2025-03-14T15:09:26Z", "2025-03-14 15:09:26", "2025-03-14 15:09:26 UTC", "2025-03-14 15:09:26 GMT", "2025-03-14T15:09:26z",
    "2025-03-14T15:09:26+0000", "2025-03-14T17:09:26+02", "2025-03-14 17:09:26 +02:00", "2025-03-14T15:09:26.000000000Z",
    "2025-03-14T15:09:26,000Z", "2025-03-14 15:09:26 +0000 UTC", "2025/03/14 15:09:26", "20250314T150926Z", "20250314150926",
    "Fri, 14 Mar 2025 15:09:26 GMT", "Fri, 14 Mar 2025 17:09:26 +0200", "14 Mar 2025 15:09:26 +0000", "Fri, 14 Mar 2025 10:09:26 EST",
    "14.03.2025 15:09:26", "14/03/2025 15:09:26", "14-03-2025 15:09:26", "03/14/2025 03:09:26 PM", "3/14/2025, 3:09:26 pm",
    "Mar 14, 2025, 3:09:26 PM", "March 14, 2025 at 3:09:26 PM UTC", "14 March 2025 15:09:26", "Friday, March 14, 2025 3:09:26 PM",
    "Fri Mar 14 15:09:26 2025", "Fri Mar 14 15:09:26 UTC 2025", "14/Mar/2025:15:09:26 +0000", "  2025-03-14   15:09:26  ",
    1741964966, 1741964966.0, "1741964966", 1741964966000, "1741964966000", 1741964966000000, 1741964966000000000,
    "1741964966000000000", MOMENT, MOMENT.replace(tzinfo=timezone.utc), "1.741964966e9",
]  # fmt: skip


@pytest.mark.parametrize("text", SPELLINGS, ids=str)
def test_a_time_is_read_in_every_spelling(text: object) -> None:
    assert utc(text) == MOMENT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-03-14", datetime(2025, 3, 14)), ("14.3.2025", datetime(2025, 3, 14)), ("03/03/2025", datetime(2025, 3, 3)),
        ("12/31/2025 12:05 am", datetime(2025, 12, 31, 0, 5)), ("31/12/2025 23:05", datetime(2025, 12, 31, 23, 5)),
        ("01.02.2025", datetime(2025, 2, 1)), ("2025-03-14T15:09:26.123456789Z", MOMENT.replace(microsecond=123456)),
        ("2025-03-14T15:09:26,5+02:00", datetime(2025, 3, 14, 13, 9, 26, 500000)), ("20250314", datetime(2025, 3, 14)),
    ],
)  # fmt: skip
def test_dates_whose_order_is_certain_are_read(text: str, expected: datetime) -> None:
    assert utc(text) == expected


@pytest.mark.parametrize("text", ["03/04/2025", "3/4/2025 10:00", "11-12-2025", "01/02/2025 3:00 PM"])
def test_a_date_that_may_be_two_days_is_refused_and_says_so(text: str) -> None:
    with pytest.raises(UnreadableError, match="may be two days"):
        utc(text)


@pytest.mark.parametrize(
    "value",
    ["", " ", "now", "soon", "10:00", "2025-13-01", "13/13/2025", "32.01.2025", "2025-03-14T25:00:00Z", "1e999", "nan", None, [], {},
     float("inf"), float("nan"), "2025-03-14 10:00 CET", "14 Foo 2025", "13:00 PM", "12/31/2025 13:00 pm", "0001-01-01T00:00:00+14:00", "9" * 500],
)  # fmt: skip
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(UnreadableError):
        utc(value)


moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1))


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_what_python_writes_is_read_back_from_any_zone(moment: datetime, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    local = moment.replace(tzinfo=timezone.utc).astimezone(zone)
    assert utc(local.isoformat()) == utc(local) == moment
    assert utc(format_datetime(local)) == moment.replace(microsecond=0)
    for form in ("%Y%m%dT%H%M%SZ", "%d.%m.%Y %H:%M:%S", "%B %d, %Y %I:%M:%S %p", "%Y-%m-%d %H:%M:%S UTC"):
        assert utc(moment.strftime(form)) == moment.replace(microsecond=0)


@given(st.text(max_size=60) | st.floats() | st.integers())
def test_no_value_makes_it_raise_anything_else(value: object) -> None:
    try:
        assert utc(value).tzinfo is None
    except UnreadableError as error:
        assert str(error)
