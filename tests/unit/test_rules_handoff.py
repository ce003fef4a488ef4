"""When the agent asks for a person or ends the conversation, and how the backend can trust what it hears."""

import pytest

from clients.agent import Question
from clients.elevenlabs.context_text import told
from clients.elevenlabs.events import answer_to
from rules.backend_posts import signature
from rules.handoff import Handoff, Said
from schemas.settings import load_settings

HANDOFF = load_settings({}).handoff_text


@pytest.mark.parametrize(
    ("text", "tools", "ended", "said"),
    [
        ("Claro.", [], False, Said("Claro.")),
        ("Adiós.", [], True, Said("Adiós.", "closed")),
        ("Te paso.", ["transfer_to_human"], False, Said("Te paso.", "escalated")),
        ("Te paso.", ["transfer_to_human"], True, Said("Te paso.", "escalated")),
        ("", ["transfer_to_human"], False, Said(HANDOFF, "escalated")),
        ("Un momento. #HUMANO#", [], False, Said("Un momento.", "escalated")),
        ("#HUMANO#", [], False, Said(HANDOFF, "escalated")),
        ("Claro.", ["look_up_price"], False, Said("Claro.")),
    ],
)
def test_what_an_answer_comes_to(text: str, tools: list[str], ended: bool, said: Said) -> None:
    handoff = Handoff(load_settings({"HANDOFF_PHRASE": "#HUMANO#"}))
    assert handoff.read(text, tools=tools, ended=ended) == said


def test_the_agent_is_told_that_its_tool_worked_and_that_others_are_not_there() -> None:
    tools = Handoff(load_settings({"HANDOFF_TOOLS": "llamar_a_persona"})).tools

    def result(name: str) -> object:
        call = {"type": "client_tool_call", "client_tool_call": {"tool_name": name, "tool_call_id": "t1"}}
        answer = answer_to(call, tools)
        assert answer is not None
        assert answer["tool_call_id"] == "t1"
        return answer["is_error"]

    assert (result("llamar_a_persona"), result("otra")) == (False, True)


def test_the_calls_own_conversation_is_told_what_it_missed() -> None:
    asked = Question(conversation_id="c", agent_id="a", text="¿sigues ahí?", user_id="+57")
    assert told(asked) == "¿sigues ahí?"
    said = [("inbound", "quiero a una persona"), ("operator", "Soy Marta, ¿qué necesita?")]
    missed = Question(conversation_id="c", agent_id="a", text="¿sigues ahí?", user_id="+57", meanwhile=said)
    assert "Cliente: quiero a una persona\nPersona del equipo: Soy Marta, ¿qué necesita?\n" in told(missed)
    assert told(missed).endswith("\n¿sigues ahí?")


def test_the_signature_covers_time_and_body() -> None:
    # printf '1700000000.{}' | openssl dgst -sha256 -hmac secret
    expected = "b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
    assert signature("secret", b"{}", 1700000000) == f"t=1700000000,v1={expected}"
