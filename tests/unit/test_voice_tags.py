"""Which brackets tell a voice how to speak, and which belong to the message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.message_text import to_whatsapp

TAGS = [
    *(
        "thoughtful",
        "con calma",
        "risas",
        "laughs",
        "LAUGHS",
        "Risas",
        "laughs harder",
        "starts laughing",
        "clears throat",
    ),
    *(
        "short pause",
        "pausa larga",
        "suspira",
        "se ríe",
        "riéndose",
        "con una sonrisa cálida",
        "voz baja y suave",
    ),
    *(
        "susurrando",
        "mischievously",
        "cheerfully",
        "muy entusiasmada",
        "tono serio",
        "warm and friendly tone",
    ),
    *(
        "con cariño",
        "emocionado",
        "pensativa",
        "tranquilamente",
        "hablando despacio",
        "American accent",
        "applause",
    ),
    *(
        "rindo",
        "com carinho",
        "sussurrando",
        "animada",
        "rires",
        "en chuchotant",
        "sospira",
        "lacht",
        "flüsternd",
    ),
]
TEXTS = [
    *(
        "1",
        "12",
        "a",
        "x",
        " ",
        "adjunto",
        "adjuntos",
        "archivo adjunto",
        "nombre",
        "nombre del cliente",
        "fecha",
        "aquí",
    ),
    *(
        "ver más",
        "Plan Oro",
        "Plan Tranquilidad",
        "factura.pdf",
        "2025",
        "$99",
        "ID-7",
        "opcional",
        "próximamente",
    ),
    *("mensaje con calma", "adjunto con calma", "nombre y sonrisa"),
    *(
        "link",
        "image",
        "attached file",
        "your name",
        "una frase que es más larga que todas",
        "3:30",
        "sin costo",
    ),
]


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_never_reaches_the_client_wherever_it_stands(tag: str) -> None:
    assert to_whatsapp(f"[{tag}] Claro que sí.") == "Claro que sí."
    assert to_whatsapp(f"Claro [{tag}] que sí.") == "Claro que sí."
    assert to_whatsapp(f"Claro que sí [{tag}].\n[{tag}]\n¿Hoy?") == "Claro que sí.\n¿Hoy?"
    assert to_whatsapp(f"[{tag}]") == ""


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_no_tag_stays_wherever_it_stands(text: str) -> None:
    for written in (f"[{text}] Claro.", f"Claro [{text}] que sí.", f"Claro [{text}].\n[{text}]", f"[{text}]"):
        assert to_whatsapp(written) == written


@pytest.mark.parametrize("unknown", ["misterioso", "deep voice", "a media voz", "wistful and low"])
def test_an_unknown_word_is_a_tag_where_a_direction_stands(unknown: str) -> None:
    assert to_whatsapp(f"[{unknown}] Te cuento. [{unknown}] ¿Listo?") == "Te cuento. ¿Listo?"


@pytest.mark.parametrize("unknown", ["sabor fresa", "talla mediana"])
def test_an_unknown_word_within_a_sentence_stays(unknown: str) -> None:
    texts = (
        f"El rojo [{unknown}] llega hoy.",
        f"El rojo [{unknown}]",
        f"[{unknown}] llega hoy",
        f"[{unknown}]",
    )
    for written in texts:
        assert to_whatsapp(written) == written


NO_TAGS = ["[risas](https://e.co/a)", "`[risas]`", "```\n[risas]\n```", "\\[risas\\]", "[risas]: así"]


@pytest.mark.parametrize("text", NO_TAGS)
def test_links_code_escapes_and_labels_are_no_tags(text: str) -> None:
    assert "risas" in to_whatsapp(text)


PIECES = st.sampled_from(
    ["[", "]", " risas ", " con calma ", " adjunto ", "1", " ", "\n", "[risas]", "(", "*", "."]
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_only_tags_and_white_space_are_left_out(text: str) -> None:
    kept = to_whatsapp(text)
    for word in ("adjunto", "1"):
        assert kept.count(word) == text.count(word)
