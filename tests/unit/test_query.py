"""Numbers and times in URLs: one reader for each, which refuses by name what it cannot take."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidInput
from schemas.query import LARGEST_ID, LARGEST_POSITION, iso_time, point_in_time, whole

NOW = datetime(2025, 10, 28, 10, 34, 34, tzinfo=UTC)
ODD = [
    "",
    " ",
    "-1",
    "+1",
    "01",
    "000500999999",
    "9" * 20,
    "9" * 5000,
    "1e3",
    "1.0",
    "1_000",
    "٣",
    "²",
    "１",
    "x",
    "\x00",
]


@pytest.mark.parametrize("text", ODD)
def test_odd_numbers_are_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput, match="^limit: must be a whole number from 1 to 500"):
        whole("limit", text, 1, 500)


@given(st.integers())
def test_a_number_is_read_within_its_bounds_alone(number: int) -> None:
    if 1 <= number <= LARGEST_ID:
        assert whole("limit", str(number), 1) == number
    else:
        with pytest.raises(InvalidInput):
            whole("limit", str(number), 1)


def test_the_bounds_belong_to_it() -> None:
    assert [whole("seen", str(edge), most=LARGEST_POSITION) for edge in (0, LARGEST_POSITION)] == [
        0,
        2**63 - 1,
    ]


@given(st.text(max_size=50))
def test_no_text_breaks_a_reader(text: str) -> None:
    for read in (
        lambda: whole("a", text),
        lambda: iso_time("a", text),
        lambda: point_in_time("a", text, NOW),
    ):
        with suppress(InvalidInput):
            read()


@pytest.mark.parametrize(
    "text", ["0001-01-01", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "1969-12-31"]
)
def test_times_are_of_years_that_can_be_counted(text: str) -> None:
    with pytest.raises(InvalidInput):
        iso_time("before", text)


@pytest.mark.parametrize("age", ["999999d", "300000d", "0x1h", "-1h", "1 h", "9" * 7 + "s"])
def test_ages_too(age: str) -> None:
    with pytest.raises(InvalidInput, match="since: .* is no time"):
        point_in_time("since", age, NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-10-28T10:34:34Z", NOW),
        ("2025-10-28T05:34:34-05:00", NOW),
        ("2025-10-28T12:34:34 02:00", NOW),  # a plus that was not escaped
        ("2025-10-28 10:34:34", NOW),
        ("2025-10-28", datetime(2025, 10, 28, tzinfo=UTC)),
    ],
)
def test_times_are_utc_unless_they_say_so(text: str, expected: datetime) -> None:
    assert iso_time("before", text) == expected
