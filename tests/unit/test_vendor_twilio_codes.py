"""What Twilio's codes mean for us."""

import pytest

from schemas.twilio_codes import _table, classify
from schemas.verdicts import KINDS

CASES: list[tuple[int | str | None, int | None, str]] = [
    (20429, 429, "retryable"),
    (None, 429, "retryable"),
    (99999, 429, "retryable"),
    (21611, 400, "retryable"),
    (20003, 401, "hold"),
    (None, 401, "hold"),
    (None, 403, "hold"),
    (20003, 403, "hold"),
    (20500, 500, "unknown"),
    (None, 503, "unknown"),
    (20429, 503, "unknown"),  # the status says that it may have been processed
    (None, 201, "unknown"),  # accepted, but the body cannot be read
    (None, 302, "unknown"),
    (None, 408, "unknown"),
    (21211, 400, "terminal"),
    (63003, 400, "terminal"),
    (63007, 400, "hold"),  # our sender, not one number
    (20005, 403, "hold"),
    ("30002", None, "hold"),
    ("63051", None, "hold"),
    ("63101", None, "hold"),
    ("63112", None, "hold"),
    (99999, 400, "terminal"),
    (None, 400, "terminal"),
    (21610, 400, "suppress"),
    (21610, None, "suppress"),
    (63033, None, "suppress"),
    (63016, None, "template"),
    ("63016", None, "template"),
    (63018, None, "slow"),
    (63018, 429, "slow"),
    (131056, 400, "slow"),
    (30008, None, "retryable"),
    ("InvalidSandboxRequest", None, "terminal"),
    ("of a new kind", None, "terminal"),
    (None, None, "terminal"),
]


@pytest.mark.parametrize(("code", "status", "kind"), CASES)
def test_kind(code: int | str | None, status: int | None, kind: str) -> None:
    assert classify(code, status).kind == kind


def test_every_entry_has_a_known_kind_and_both_languages() -> None:
    assert all(verdict.kind in KINDS and verdict.es and verdict.en for verdict in _table().values())


def test_what_only_a_person_can_mend_says_what_to_do_in_both_languages() -> None:
    held = {code: verdict for code, verdict in _table().items() if verdict.kind == "hold"}
    assert {"20003", "20005", "30002", "63007", "63051", "63101", "63112"} <= held.keys()
    assert [code for code, verdict in held.items() if not (verdict.do_es and verdict.do_en)] == []
    assert classify(63018).remedy("es").startswith("Vea el límite")


def test_reason_is_in_both_languages() -> None:
    assert classify(21610).es == "El cliente se dio de baja"
    assert classify(21610).en == "the recipient has unsubscribed"


@pytest.mark.parametrize("code", [21606, 63037, 63042, 63101, 63112])
def test_what_somebody_may_have_to_act_on_has_words_of_its_own(code: int) -> None:
    assert classify(code).en != classify(None).en
    assert str(code) not in classify(code).en


@pytest.mark.parametrize("code", [21703, "63035", 63036, 63050, 63110, 63111, 131999])
def test_of_a_code_that_nobody_knows_its_page_is_named(code: int | str) -> None:
    verdict = classify(code, 400)
    assert verdict.kind == "terminal"
    assert (
        verdict.en
        == f"Twilio refused the message for a reason unknown to us: see Twilio's page of error {code}"
    )
    assert verdict.es.endswith(f"véase la página de Twilio del error {code}")


@pytest.mark.parametrize("code", [None, "", "of a new kind", "9" * 7, -1, "٣"])
def test_what_is_no_code_is_not_repeated(code: int | str | None) -> None:
    assert classify(code) == classify(None)
