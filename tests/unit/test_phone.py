"""One person, one number."""

import pytest

from schemas.errors import InvalidNumber
from schemas.phone import canonical_number, conversation_key, masked


@pytest.mark.parametrize(
    ("spelled", "canonical"),
    [
        ("+573138539155", "+573138539155"),
        ("573138539155", "+573138539155"),
        ("whatsapp:+573138539155", "+573138539155"),
        ("%2B573138539155", "+573138539155"),
        ("+57 313 853 9155", "+573138539155"),
        ("+5215512345678", "+525512345678"),
        ("+52 1 55 1234 5678", "+525512345678"),
        ("+525512345678", "+525512345678"),
        ("+5491123456789", "+5491123456789"),
        ("+541123456789", "+5491123456789"),
        ("+5511987654321", "+5511987654321"),
        ("+551187654321", "+5511987654321"),
        ("+551133334444", "+551133334444"),
    ],
)
def test_every_spelling_is_one_number(spelled: str, canonical: str) -> None:
    assert canonical_number(spelled) == canonical
    assert canonical_number(canonical) == canonical


@pytest.mark.parametrize("garbage", ["", "hola", "+", "+57", "12345", "+1" * 40, "whatsapp:US.12"])
def test_garbage_is_refused(garbage: str) -> None:
    with pytest.raises(InvalidNumber):
        canonical_number(garbage)


def test_senders_without_a_number_have_a_key() -> None:
    assert conversation_key("whatsapp:US.1234") == "US.1234"


def test_masked_shows_country_and_end_only() -> None:
    assert masked("+573138539155") == "+57******9155"
