"""What Twilio's codes mean for us."""

import pytest

from schemas.twilio_codes import KINDS, _table, classify

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
    (63007, 400, "terminal"),
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


def test_reason_is_in_both_languages() -> None:
    assert classify(21610).es == "El cliente se dio de baja"
    assert classify(21610).en == "the recipient has unsubscribed"
