"""Operators' tokens, what sessions remember of them, and the sessions' key."""

import pytest

from schemas.settings import load_settings
from web.ops.operators import SERVICE_OPERATOR, Operators

ANA, LUIS, SERVICE = "a" * 32, "l" * 32, "s" * 32


def operators(
    tokens: str | None = f'{{"ana": "{ANA}", "luis": "{LUIS}"}}', service: str | None = SERVICE
) -> Operators:
    return Operators.of(load_settings({}, operator_tokens=tokens, microservice_token=service))


def test_a_token_belongs_to_one() -> None:
    found = operators()
    assert [found.by_token(token) for token in (ANA, LUIS, SERVICE)] == ["ana", "luis", SERVICE_OPERATOR]
    for nobody in ("", "a", ANA + "x", "ñ"):
        assert found.by_token(nobody) is None


@pytest.mark.parametrize("tokens", [None, "{}", '{"ana": ""}'])
def test_empty_tokens_belong_to_nobody(tokens: str | None) -> None:
    found = operators(tokens, service=None)
    assert not found
    assert (found.by_token(""), found.proof("ana"), found.proof(SERVICE_OPERATOR)) == (None, None, None)


def test_a_proof_ends_with_the_token_and_with_the_operator() -> None:
    before, after = operators(), operators(f'{{"ana": "{LUIS}x", "eva": "{LUIS}"}}')
    assert before.proof("ana") is not None
    assert before.proof("ana") != after.proof("ana")
    assert after.proof("luis") is None
    assert after.proof("eva") != before.proof("luis")  # the same token under another name
    assert before.proof(SERVICE_OPERATOR) == after.proof(SERVICE_OPERATOR)


def test_every_process_has_the_same_key_and_it_is_not_the_token() -> None:
    assert operators().session_keys == operators().session_keys
    assert operators(service=None).session_keys == operators(service=None).session_keys
    keys = {
        key
        for each in (operators(), operators(service=None), operators(service=SERVICE + "x"))
        for key in each.session_keys
    }
    assert len(keys) == 3
    assert SERVICE.encode() not in keys
