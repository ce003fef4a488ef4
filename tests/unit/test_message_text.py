"""Formatting and splitting of an agent's text."""

from hypothesis import given
from hypothesis import strategies as st

from rules.message_split import split_message
from rules.message_text import to_whatsapp


@given(st.text(max_size=600), st.integers(min_value=2, max_value=80))
def test_nothing_is_lost_and_no_part_is_too_long(text: str, limit: int) -> None:
    parts = split_message(text, limit)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(len(part.encode("utf-16-le", "surrogatepass")) // 2 <= limit for part in parts)


def test_cut_at_sentences() -> None:
    assert split_message("Uno dos tres. Cuatro cinco seis. Siete.", 34) == [
        "Uno dos tres. Cuatro cinco seis.",
        "Siete.",
    ]


def test_links_stay_whole() -> None:
    link = "https://example.com/" + "a" * 40
    assert any(link in part for part in split_message("Mira esto por favor: " + link + " y me dices", 70))


def test_markdown_becomes_whatsapp() -> None:
    text = "[happy] # Hola\n**Plan** [aquí](https://example.com)"
    assert to_whatsapp(text.replace("[happy] ", "[happy]\n")) == "*Hola*\n*Plan* aquí: https://example.com"
