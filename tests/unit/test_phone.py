"""One person, one number."""

import pytest

from schemas.errors import InvalidNumber
from schemas.phone import canonical_number, conversation_key, is_assigned, masked, written_number


@pytest.mark.parametrize(
    ("spelled", "canonical"),
    [
        ("+573138539155", "+573138539155"),
        ("573138539155", "+573138539155"),
        ("whatsapp:+573138539155", "+573138539155"),
        ("%2B573138539155", "+573138539155"),
        ("+57 313 853 9155", "+573138539155"),
        ("(+57) 313-853.9155", "+573138539155"),
        ("＋５７ 313 853 9155\n", "+573138539155"),
        ("\u202a+57 313 853 9155\u202c", "+573138539155"),  # as a contact is copied
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


@pytest.mark.parametrize(
    "behind",
    [
        " ext. 9",
        ";ext=5",
        " x5",
        "#5",
        "/../../x",
        "%2F..%2Fx",
        "/5",
        ",5",
        " y otro",
        "?a=1",
        "\x00",
        "+5",
        "é",
    ],
)
def test_nothing_may_stand_behind_a_number(behind: str) -> None:
    with pytest.raises(InvalidNumber, match="with nothing behind it"):
        canonical_number("+573138539155" + behind)


@pytest.mark.parametrize(
    "garbage", ["", "hola", "+", "+57", "12345", "+1" * 40, "whatsapp:US.12", "tel:+573138539155"]
)
def test_garbage_is_refused(garbage: str) -> None:
    with pytest.raises(InvalidNumber):
        canonical_number(garbage)


def test_senders_without_a_number_have_a_key() -> None:
    assert conversation_key("whatsapp:US.1234") == "US.1234"


def test_masked_shows_country_and_end_only() -> None:
    assert masked("+573138539155") == "+57******9155"


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("573138539155.0", None, "+573138539155"),  # a spreadsheet's
        ("+573138539155.00", None, "+573138539155"),
        ("573138539155", None, "+573138539155"),
        ("5215512345678", None, "+5215512345678"),
        ("551187654321", None, "+551187654321"),
        ("3138539155", "CO", "+573138539155"),
        ("573138539155", "CO", "+573138539155"),
        ("+14155238886", "CO", "+14155238886"),
        ("+5731385391550", None, "+5731385391550"),  # possible, says the library, but nobody has it
    ],
)
def test_a_number_is_the_one_that_was_meant(written: str, region: str | None, number: str) -> None:
    assert written_number(written, region) == number


@pytest.mark.parametrize("written", ["3138539155", "5731385391550", "3001234567", "612345678"])
def test_ten_national_digits_are_no_other_countrys_number(written: str) -> None:
    with pytest.raises(InvalidNumber, match=r"\+57"):
        written_number(written)


def test_what_nobody_has_is_told_from_what_cannot_be() -> None:
    assert [
        is_assigned(number)
        for number in ("+573138539155", "+525512345678", "+5731385391550", "+999123456789")
    ] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("number", ["+999123456789", "+5731385391", "+573138539155123"])
def test_what_twilio_delivers_is_never_judged(number: str) -> None:
    assert conversation_key(f"whatsapp:{number}") == conversation_key(number) == number
