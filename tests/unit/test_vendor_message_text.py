"""Where texts are cut, and what becomes of an agent's Markdown."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.message_split import split_message
from rules.message_text import to_whatsapp

FAMILY = "👩‍👩‍👧‍👦"
FLAG = "🇨🇴"
ACCENT = "e\u0301"
# Texts as people and agents write them, and what is awkward to cut.
PIECES = st.sampled_from(
    [
        "a",
        "palabra",
        " ",
        "\n",
        "\n\n",
        ". ",
        "¿Sí? ",
        "😀",
        FAMILY,
        FLAG,
        ACCENT,
        "👍🏽",
        " https://e.co/a?b=c ",
        "\t",
    ]
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


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("Hola *uno dos tres*.", 14, ["Hola *uno dos*", "*tres*."]),
        ("*uno dos*. Tres cuatro", 12, ["*uno dos*.", "Tres cuatro"]),
        ("Hola _uno dos tres cuatro_", 14, ["Hola _uno dos_", "_tres cuatro_"]),
        ("~uno dos tres cuatro~ y", 14, ["~uno dos tres~", "~cuatro~ y"]),
        ("*uno _dos tres cuatro_*", 14, ["*uno _dos_*", "*_tres_*", "*_cuatro_*"]),
        ("`uno dos tres cuatro`", 14, ["`uno dos tres`", "`cuatro`"]),
        ("```\nuno\ndos\ntres\n```", 14, ["```\nuno\ndos```", "```tres\n```"]),
        ("Mira:\n```\nuno dos\n```", 14, ["Mira:", "```\nuno dos```"]),
        ("2 * 3 es 6, y 3 * 3 es 9", 14, ["2 * 3 es 6, y", "3 * 3 es 9"]),
        ("uno_dos tres cuatro_cinco", 14, ["uno_dos tres", "cuatro_cinco"]),
        ("https://e.co/_a_b_c *x y z w*", 24, ["https://e.co/_a_b_c *x*", "*y z w*"]),
        ("*" + "a" * 25 + "*", 10, ["*" + "a" * 8 + "*", "*" + "a" * 8 + "*", "*" + "a" * 8 + "*", "*a*"]),
    ],
)
def test_what_is_bold_on_both_sides_of_a_cut_is_bold_in_both_parts(
    text: str, limit: int, parts: list[str]
) -> None:
    assert split_message(text, limit) == parts


WORDS = st.lists(st.sampled_from(["uno", "dos.", "tres", "cuatro,", "cinco"]), min_size=1, max_size=12).map(
    " ".join
)
MARKED = st.tuples(st.sampled_from(["", "*", "_", "~", "`", "*_"]), WORDS).map(
    lambda each: each[0] + each[1] + each[0][::-1]
)
MARKED_TEXTS = st.lists(MARKED, max_size=8).map(" ".join)


def styled(text: str) -> list[tuple[str, str]]:
    """Return each letter with the marks that it stands between."""
    on: set[str] = set()
    found = []
    for char in text:
        if char in "*_~`":
            on ^= {char}
        elif not char.isspace():
            found.append((char, "".join(sorted(on))))
    return found


@given(MARKED_TEXTS, st.integers(min_value=16, max_value=80))
def test_every_part_is_whole_and_every_letter_keeps_its_style(text: str, limit: int) -> None:
    parts = split_message(text, limit)
    assert all(0 < units(part) <= limit for part in parts)
    assert all(part.count(mark) % 2 == 0 for part in parts for mark in "*_~`")
    assert [each for part in parts for each in styled(part)] == styled(text)


ANYTHING = st.text(st.sampled_from("ab *_~`\n.😀"), max_size=200)


@given(ANYTHING, st.integers(min_value=2, max_value=60))
def test_nothing_but_white_space_and_marks_changes(text: str, limit: int) -> None:
    parts = split_message(text, limit)
    bare = [char for char in text if char not in "*_~`" and not char.isspace()]
    assert [char for part in parts for char in part if char not in "*_~`" and not char.isspace()] == bare
    assert all(0 < units(part) <= limit for part in parts)


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
        ("[thoughtful] Déjame ver.", "Déjame ver."),
        ("[con calma] Claro, [risas] te espero", "Claro, te espero"),
        ("Claro [risas], te espero [suspira]. [Riéndose] ¡Ya!", "Claro, te espero. ¡Ya!"),
        ("Hola\n[risas]\nadiós [susurrando]\nfin", "Hola\nadiós\nfin"),
        ("Hola\n\n[risas]\n\nadiós", "Hola\n\nadiós"),
        ("[laughs softly][excited] **Sí**", "*Sí*"),
        ("**[risas] Sí** y _[con cariño] no_", "*Sí* y _no_"),
        ("**Ya**[risas] sí", "*Ya* sí"),
        ("# [entusiasmada] El plan", "*El plan*"),
        ("- [risos] uno\n- dos", "- uno\n- dos"),
        ("[misterioso] Te tengo algo. [deep voice] ¿Listo?", "Te tengo algo. ¿Listo?"),
        ("`[risas]` y ```[risas]```", "`[risas]` y ```[risas]```"),
        ("Según [1] y [2], el contrato [adjunto].", "Según [1] y [2], el contrato [adjunto]."),
        ("[adjunto] El contrato", "[adjunto] El contrato"),
        ("[Plan Tranquilidad] $99 [próximamente]", "[Plan Tranquilidad] $99 [próximamente]"),
        (
            "Hola [nombre del cliente], tu cita es el [fecha]",
            "Hola [nombre del cliente], tu cita es el [fecha]",
        ),
        ("[risas](https://e.co) [risas]: x", "risas: https://e.co [risas]: x"),
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
        ("a | b\n--- | ---\n| c | d | e |", "a | b\nc | d | e"),
        ("**uno\ndos**", "*uno*\n*dos*"),
        ("***muy* fuerte**", "*muy fuerte*"),
        ("*uno **dos** tres*", "*uno dos tres*"),
        ("_uno **dos**_", "_uno *dos*_"),
        ("**Precio:**99 (**hoy**)", "*Precio:*99 (*hoy*)"),
        ("# [aquí](https://e.co/a)", "*aquí:* https://e.co/a"),
        ("uno\\\ndos  \ntres", "uno\ndos\ntres"),
        ("1. **Oro**\n   $99\n   * a\n2. Plata\n¿Cuál?", "1. *Oro*\n   $99\n   - a\n2. Plata\n¿Cuál?"),
        ("3) tres\n\ny\n\n9) nueve", "3) tres\n\ny\n\n9) nueve"),
        ("- uno\n\n\n\n- dos", "- uno\n\n- dos"),
        ("- " * 40 + "hondo", "- " * 40 + "hondo"),
        ("> **cita**\n> más\nrespuesta", "> *cita*\n> más\nrespuesta"),
        ("```uno\ndos```\n\n**tres**", "```uno\ndos```\n\n*tres*"),
        ("```\nsin fin **x**", "```\nsin fin *x*"),
        ("1. Haz:\n   ```sh\n   ls  *\n   ```\n2. Fin", "1. Haz:\n   ```\n   ls  *\n   ```\n2. Fin"),
        (
            "[1] [adjunto] [ver](www.e.co) [1]: https://e.co",
            "[1] [adjunto] [ver](www.e.co) [1]: https://e.co",
        ),
        ("https://e.co/a\\_b, <a@e.co> y &amp; AT&T", "https://e.co/a_b, a@e.co y & AT&T"),
        ("https://e.co/?a=*b*&__c__=1 **d**", "https://e.co/?a=*b*&__c__=1 *d*"),
        ("<b>hola</b> <br>adiós", "<b>hola</b>\nadiós"),
        ("[ ] uno\n- [x] dos", "[ ] uno\n- [x] dos"),
        ("   indentado\n  queda", "indentado\n  queda"),
    ],
)
def test_to_whatsapp(markdown: str, whatsapp: str) -> None:
    assert to_whatsapp(markdown) == whatsapp
    assert to_whatsapp(whatsapp) == whatsapp


PLAIN = st.sampled_from(["uno ", "dos\n", "- tres\n", "1. cuatro\n", "\n\n", "¿sí? ", "$5 * 3 ", "a_b "])


@given(st.lists(st.one_of(PLAIN, MARKED.map(lambda text: f"{text} ")), max_size=20).map("".join))
def test_what_is_whatsapps_already_stays(text: str) -> None:
    assert to_whatsapp(to_whatsapp(text)) == to_whatsapp(text)


ODD = st.sampled_from(
    [
        "w ",
        "w",
        " ",
        "\n",
        "\n\n",
        "*",
        "**",
        "***",
        "_",
        "__",
        "~~",
        "`",
        "[",
        "]",
        "(",
        ")",
        "![",
        "<",
        "<br>",
    ]
    + ["](https://e.co/a)", "[w](", "> ", "# ", "- ", "* ", "1. ", "    ", "\t", "---\n", "\r\n"]
    + ["|", "| ", " |\n", "|---|\n", "\\", "&"]
)


@given(st.lists(ODD, max_size=40))
def test_no_word_is_lost_and_none_moves(pieces: list[str]) -> None:
    text = "".join(piece.replace("w", f"w{number}w") for number, piece in enumerate(pieces))
    assert re.findall(r"w\d+w", to_whatsapp(text)) == re.findall(r"w\d+w", text)


HOSTILE = [
    "**a ",
    "[",
    "__ _a ",
    "~~a ",
    "# " + " " * 50,
    "[a](",
    "*",
    "\n ",
    "[a](https://e",
    "`a",
    "```",
    "| a ",
    "|-",
    "<br",
    "<https://e",
    "\\",
    "[a](https://e(",
    "(b)",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_cost_little(piece: str) -> None:
    begun = time.process_time()
    to_whatsapp(piece * (20_000 // len(piece)))
    split_message(piece * (20_000 // len(piece)))
    assert time.process_time() - begun < 1.0
