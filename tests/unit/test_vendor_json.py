"""Vendors' JSON is made fit for Postgres and for the wire."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.vendor_json import clean_text, parse_vendor_object


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_cleaned_text_can_be_stored_and_sent(text: str) -> None:
    cleaned = clean_text(text)
    assert cleaned.encode("utf-8").decode() == cleaned
    assert "\x00" not in cleaned
    assert clean_text(cleaned) == cleaned


def test_halves_of_a_character_become_one() -> None:
    assert parse_vendor_object('{"a": ["\\ud83d\\ude00", "x\\u0000y", "\\ud83d"]}') == {
        "a": ["😀", "xy", "\ufffd"]
    }


def test_not_a_number_becomes_null() -> None:
    parsed = parse_vendor_object(b'{"a": NaN, "b": -Infinity}')
    assert json.dumps(parsed, allow_nan=False) == '{"a": null, "b": null}'


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"<html>", b'"text"', b"\xff"])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several kinds of it
        parse_vendor_object(data)
