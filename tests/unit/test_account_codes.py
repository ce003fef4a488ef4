"""Vendors' refusals of our account, and why an agent gave no answer, in words."""

import pytest

from schemas.account_codes import _table, agent_problem, verdict_of


@pytest.mark.parametrize("name", ["elevenlabs_codes.json", "agent_codes.json"])
def test_every_entry_has_both_languages_and_says_what_to_do(name: str) -> None:
    lacking = [
        code for code, each in _table(name).items() if not (each.es and each.en and each.do_es and each.do_en)
    ]
    assert lacking == []


@pytest.mark.parametrize(
    ("vendor", "code", "said"),
    [
        ("twilio", "63112", "Meta has disabled the WhatsApp account or still verifies it"),
        ("elevenlabs", "quota_exceeded", "the ElevenLabs account is out of credits"),
        ("elevenlabs", "499", "ElevenLabs refuses the account"),
    ],
)
def test_of_each_vendor(vendor: str, code: str, said: str) -> None:
    assert verdict_of(vendor, code).reason("en") == said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("404", "El agente no existe en ElevenLabs"),
        ("1008", "El agente rechaza la conversación: le falta una variable o no se puede usar"),
        (None, "El agente no respondió a tiempo"),
        ("quota_exceeded", "La cuenta de ElevenLabs no tiene créditos"),
        ("418", "El agente no respondió"),
    ],
)
def test_why_the_agent_gave_no_answer(code: str | None, said: str) -> None:
    assert agent_problem(code).reason("es") == said
