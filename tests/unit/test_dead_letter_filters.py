"""Which dead letters a query asks for."""

import pytest

from web.dead_letters.routes import filters_of


@pytest.mark.parametrize(
    "number", ["+573138539155", "573138539155", " 573138539155", "+57 313 853 9155", "57 313 853 9155"]
)
def test_a_number_is_found_under_every_spelling(number: str) -> None:
    assert filters_of({"number": number}).number == "+573138539155"
