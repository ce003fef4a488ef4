"""Where texts are cut, and what becomes of an agent's Markdown."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.vendors.message_text import split_message, to_whatsapp

FAMILY = "👩‍👩‍👧‍👦"
FLAG = "🇨🇴"
ACCENT = "e\u0301"
# Texts as people and agents write them, and what is awkward to cut.
PIECES = st.sampled_from(
    ["a", "palabra", " ", "\n", "\n\n", ". ", "¿Sí? ", "😀", FAMILY, FLAG, ACCENT, "👍🏽", " https://e.co/a?b=c ", "\t"]
)
TEXTS = st.lists(PIECES, max_size=120).map("".join)


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@given(TEXTS, st.integers(min_value=2, max_value=60))
def test_parts_fit_and_only_white_space_is_lost(text: str, limit: int) -> None:
    parts = split_message(text, limit)
    assert all(0 < units(part) <= limit and part == part.strip() for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@given(st.lists(st.sampled_from([FAMILY, FLAG, ACCENT, "👍🏽", "❤️", "x"]), max_size=60), st.integers(12, 60))
def test_characters_made_of_several_stay_whole(characters: list[str], limit: int) -> None:
    parts = split_message("".join(characters), limit)
    rest = list(characters)
    for part in parts:
        taken = ""
        while taken != part:
            taken += rest.pop(0)
            assert part.startswith(taken)
    assert not rest


@given(TEXTS)
def test_links_stay_whole(text: str) -> None:
    parts = split_message(text, 40)
    assert sum(part.count("https://e.co/a?b=c") for part in parts) == text.count("https://e.co/a?b=c")


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("", 10, []),
        ("  \n ", 10, []),
        ("corto", 10, ["corto"]),
        ("Uno.\n\nDos tres cuatro", 18, ["Uno.\n\nDos tres", "cuatro"]),
        ("Primer párrafo.\n\nSegundo párrafo.", 20, ["Primer párrafo.", "Segundo párrafo."]),
        ("a" * 25, 10, ["a" * 10, "a" * 10, "a" * 5]),
        ("exactamente diez más", 11, ["exactamente", "diez más"]),
        ("😀" * 4, 4, ["😀😀", "😀😀"]),
        (FLAG * 3, 8, [FLAG * 2, FLAG]),
        ("Hola " + "u" * 30, 30, ["Hola", "u" * 30]),
    ],
)
def test_cuts(text: str, limit: int, parts: list[str]) -> None:
    assert split_message(text, limit) == parts


def test_limit_that_holds_no_emoji_is_refused() -> None:
    with pytest.raises(ValueError, match="any character"):
        split_message("😀", 1)


def test_1600_letters_are_one_message_and_800_emoji_too() -> None:
    assert len(split_message("ñ" * 1600)) == 1
    assert len(split_message("😀" * 800)) == 1
    assert len(split_message("😀" * 801)) == 2


@pytest.mark.parametrize(
    ("markdown", "whatsapp"),
    [
        ("**Plan** Premium", "*Plan* Premium"),
        ("__Plan__ Premium", "*Plan* Premium"),
        ("***Plan***", "*Plan*"),
        ("*ya es negrita*", "*ya es negrita*"),
        ("# Título", "*Título*"),
        ("### **Título** ###", "*Título*"),
        ("#hashtag", "#hashtag"),
        ("[aquí](https://e.co/a)", "aquí: https://e.co/a"),
        ('[aquí](https://e.co/a "título")', "aquí: https://e.co/a"),
        ("[https://e.co](https://e.co)", "https://e.co"),
        ("![](https://e.co/a.png)", "https://e.co/a.png"),
        ("[escríbenos](mailto:a@e.co)", "escríbenos: mailto:a@e.co"),
        ("* uno\n+ dos\n- tres", "- uno\n- dos\n- tres"),
        ("1. uno\n2. dos", "1. uno\n2. dos"),
        ("~~antes~~ ahora", "~antes~ ahora"),
        ("uno\n\n---\n\ndos", "uno\n\ndos"),
        ("[happy] ¡Claro!", "¡Claro!"),
        ("Bueno [laughs] sí [SHORT PAUSE] no", "Bueno sí no"),
        ("[sighs]", ""),
        ("[nombre] queda", "[nombre] queda"),
        ("[happy](https://e.co)", "happy: https://e.co"),
        ("2 ** 3 ** 4 y 2 * 3", "2 ** 3 ** 4 y 2 * 3"),
        ("https://e.co/__init__/x", "https://e.co/__init__/x"),
        ("snake__case__name", "snake__case__name"),
        ("uno\r\ndos", "uno\ndos"),
        ("[aquí](https://e.co/a_(b)_c) va", "aquí: https://e.co/a_(b)_c va"),
        ("(<https://e.co/a>)", "(https://e.co/a)"),
        ("**https://e.co/a**", "https://e.co/a"),
        ("**[aquí](https://e.co/a)**", "*aquí:* https://e.co/a"),
        ("uno<br>dos<BR/>tres", "uno\ndos\ntres"),
        ("```python\nx = **y**\n* z\n```", "```\nx = **y**\n* z\n```"),
        ("`**kwargs` y **dos**", "`**kwargs` y *dos*"),
        ("1\\. uno, \\$99 \\[x\\]", "1. uno, $99 [x]"),
        ("| Plan | Precio |\n| :--- | ---: |\n| **Oro** | $99 |\nFin", "Plan | Precio\n*Oro* | $99\nFin"),
    ],
)
def test_to_whatsapp(markdown: str, whatsapp: str) -> None:
    assert to_whatsapp(markdown) == whatsapp
    assert to_whatsapp(whatsapp) == whatsapp


HOSTILE = ["**a ", "[", "__ _a ", "~~a ", "# " + " " * 50, "[a](", "*", "\n ", "[a](https://e", "`a", "```", "| a ", "|-",
           "<br", "<https://e", "\\", "[a](https://e(", "(b)"]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_cost_little(piece: str) -> None:
    begun = time.process_time()
    to_whatsapp(piece * (20_000 // len(piece)))
    assert time.process_time() - begun < 1.0
