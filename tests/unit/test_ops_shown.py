"""How the operators' pages show what they are told: files, axes, masked numbers."""

from zoneinfo import ZoneInfo

import pytest

from web.ops.charts import marks
from web.ops.files import File, files_of
from web.ops.filters import Filters

NUMBER = "+573138539155"


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (0, [0, 1]),
        (3, [0, 1, 2, 3]),
        (7, [0, 2, 4, 6, 8]),
        (23, [0, 5, 10, 15, 20, 25]),
        (100, [0, 20, 40, 60, 80, 100]),
        (101, [0, 50, 100, 150]),
        (12_345, [0, 5000, 10_000, 15_000]),
    ],
)
def test_an_axis_has_few_whole_round_numbers(most: int, expected: list[int]) -> None:
    assert marks(most) == expected


def test_a_messages_files_are_what_its_parameters_tell() -> None:
    params = {
        "NumMedia": "3",
        "MediaContentType0": "image/jpeg",
        "MediaContentType1": "audio/ogg; codecs=opus",
    }
    assert files_of(params) == [
        File(0, "image", "image/jpeg"),
        File(1, "audio", "audio/ogg; codecs=opus"),
        File(2, "file", "?"),
    ]
    for nothing in (
        None,
        {},
        {"NumMedia": "0"},
        {"NumMedia": "x"},
        {"NumMedia": "²"},
        {"NumMedia": "9" * 5000},
    ):
        assert files_of(nothing) == []
    assert len(files_of({"NumMedia": "4000000"})) == 10


def test_a_masked_number_stands_neither_in_the_text_nor_in_the_address() -> None:
    masked = Filters(ZoneInfo("UTC"), masked_numbers=True)
    assert (masked.number(NUMBER), masked.link(NUMBER, 7)) == ("+57******9155", "/ops/open/7")
    shown = Filters(ZoneInfo("UTC"), masked_numbers=False)
    assert (shown.number(NUMBER), shown.link(NUMBER, 7)) == (NUMBER, "/ops/conversations/%2B573138539155")
    assert masked.number(None) == "—"
