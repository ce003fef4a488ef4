"""Where the tests' Kafka and Postgres come from."""

import pytest

from tests.support.servers import Source, source


@pytest.mark.parametrize(
    ("given", "engine", "apache", "expected"),
    [
        ("broker:9092", True, True, "given"),
        ("", True, True, "container"),
        ("", False, True, "apache"),
        ("", False, False, "embedded"),
    ],
)
def test_the_first_source_there_is(given: str, engine: bool, apache: bool, expected: Source) -> None:
    assert source("KAFKA", {"KAFKA": given}, engine=engine, apache=apache) == expected
