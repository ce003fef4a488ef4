"""Whatever handles a client's, an agent's or a backend's text has a budget for each of its characters."""

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clients.agent import CallContext, Question
from clients.elevenlabs.context_text import context_text, told, variables
from clients.vendor_json import clean_text, parse_vendor_object
from rules.first_message import placeholder_values
from rules.handoff import Handoff
from rules.inbound import described
from rules.keywords import Keywords, normalised
from rules.message_split import split_message
from rules.message_text import to_whatsapp
from rules.templates import Template
from schemas.settings import load_settings
from tests.support.budget import assert_within_budget

SETTINGS = load_settings({"handoff_phrase": "##persona##"})
KEYWORDS, HANDOFF = Keywords.of(SETTINGS), Handoff(SETTINGS)
TEMPLATE = Template("HX1", {"1": "{text}"})
# A parse of Markdown makes objects; everything else is a few passes over the characters.
PARSING, PASSING = 6_000, 400

# What people, agents and people who mean harm write; each is repeated up to 20,000 characters.
PIECES = st.sampled_from(
    ["a", "palabra ", " ", "  ", "\t", "\n", "\n\n", "\r\n", "    ", "\x00", "{", "}", "##persona##", "¿Sí?"]
    + ["*", "**", "***", "_", "__", "~~", "~", "`", "``", "```", "# ", "- ", "* ", "+ ", "1. ", "> ", "---"]
    + [
        "[",
        "]",
        "(",
        ")",
        "![",
        "](https://e.co/a)",
        "[a](",
        "https://e.co/_a",
        "://",
        "<https://e",
        '"',
        "'",
    ]
    + ["|", "| ", "|---|", "\\", "&", "&amp;", "<", "<br>", ":", ".", "[happy]", "[risas]", "[con calma]"]
    + ["😀", "🇨🇴", "👩‍👩‍👧‍👦", "e\u0301", "\u200d", "ﷺ"]
)
REPEATED = st.lists(PIECES, min_size=1, max_size=5).map("".join)


def a_conversation(text: str) -> CallContext:
    said = [("user", text)] * 2
    return CallContext(client_name=text, summary=text, transcript=said, history=said)


def a_question(text: str) -> Question:
    said = [("operator", text)] * 2
    return Question(conversation_id="c", agent_id="a", text=text, user_id="+57", meanwhile=said)


PASSES: dict[str, Callable[[str], object]] = {
    "split": split_message,
    "split small": lambda text: split_message(text, 20),
    "template": lambda text: TEMPLATE.filled({"text": text}),
    "placeholders": lambda text: placeholder_values(f"x{text}", text, text, text),
    "keywords": normalised,
    "command": lambda text: KEYWORDS.intent({"Body": text, "ButtonText": text}),
    "inbound": lambda text: described({"Body": text, "NumMedia": text, "Label": text, "Latitude": text}),
    "inbound form": lambda text: described(
        {"FlowData": text, "ReferralHeadline": text, "ReferralBody": text}
    ),
    "hand-off": lambda text: HANDOFF.read(text, tools=[text], ended=False),
    "context": lambda text: context_text(a_conversation(text)),
    "variables": lambda text: variables(a_conversation(text)),
    "question": lambda text: told(a_question(text)),
    "vendor's JSON": clean_text,
}


@pytest.mark.parametrize("work", PASSES.values(), ids=PASSES)
@given(REPEATED)
@settings(max_examples=30, deadline=None)
def test_a_pass_costs_little_a_character(work: Callable[[str], object], repeated: str) -> None:
    assert_within_budget(work, repeated, steps=PASSING)


@given(REPEATED)
@example("**a ")
@example("![")
@example("[a](")
@settings(max_examples=60, deadline=None)
def test_formatting_costs_little_a_character(repeated: str) -> None:
    assert_within_budget(to_whatsapp, repeated, steps=PARSING)


@pytest.mark.parametrize(
    ("before", "repeated", "behind"),
    [
        ("|", " ", "x"),
        ("x", "\n ", "x"),
        ("[happy]", " ", "x"),
        ("```", " ", "``"),
        ("- " * 9, "x\n", ""),
        ("*", "a ", "*"),
    ],
)
def test_one_sign_before_a_long_text_costs_no_more(before: str, repeated: str, behind: str) -> None:
    assert_within_budget(lambda text: to_whatsapp(before + text + behind), repeated, steps=PARSING)
    assert_within_budget(lambda text: split_message(before + text + behind), repeated, steps=PASSING)


@pytest.mark.parametrize("repeated", ["palabra ", "*a b* ", "```\n", "🇨🇴"])
def test_many_parts_cost_no_more_than_few(repeated: str) -> None:
    assert_within_budget(split_message, repeated, steps=PASSING, sizes=[400_000])


@pytest.mark.parametrize("nested", ['{"a":', "["])
def test_what_is_nested_deeper_than_can_be_read_is_no_form(nested: str) -> None:
    assert described({"FlowData": nested * 100_000, "Body": "hola"}) == "hola"


def test_a_number_of_files_with_thousands_of_digits_is_no_number() -> None:
    assert described({"NumMedia": "9" * 5_000, "Body": "hola"}).endswith("hola")


def test_what_a_vendor_nests_deeper_than_can_be_read_is_not_json() -> None:
    with pytest.raises(ValueError, match="nested"):
        parse_vendor_object('{"a":' * 100_000 + "1" + "}" * 100_000)
