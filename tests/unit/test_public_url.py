"""Whether Twilio can call us, as `doctor` and `/health` say."""

import pytest

from cli.doctor import public_url
from cli.doctor_checks import Finding
from schemas.public_url import public_url_problem
from schemas.settings import load_settings


@pytest.mark.parametrize(
    ("base", "found"),
    [
        (None, "no delivery reports"),
        ("http://localhost:3001", "localhost is of this machine"),
        ("http://127.0.0.1:3001", "127.0.0.1 is of this machine"),
        ("https://10.1.2.3", "10.1.2.3 is of this machine or of a private network"),
        ("https://[fd00::1]", "fd00::1 is of this machine or of a private network"),
        ("https://wa.internal", "wa.internal is of"),
        ("http://web:3001", "web is of"),
        ("https://wa_1.example.com", "underscore"),
        ("https://me:hush@localhost", "localhost is of"),
    ],
)
def test_an_address_that_twilio_cannot_call_is_named(base: str | None, found: str) -> None:
    settings = load_settings({}, public_base_url=base)
    problem, finding = public_url_problem(settings), public_url(settings)
    assert problem is not None
    assert found in problem
    assert (finding.found, bool(finding.advice)) == (problem, True)
    assert "hush" not in f"{finding}"


def test_a_user_and_a_password_are_left_out_by_twilio_and_said_by_doctor() -> None:
    settings = load_settings({}, public_base_url="https://me:hush@wa.example.com")
    finding = public_url(settings)
    assert (public_url_problem(settings), finding.found) == (None, "has a user and a password in it")
    assert (bool(finding.advice), "hush" in f"{finding}") == (True, False)


@pytest.mark.parametrize(
    "base", ["https://wa.example.com", "https://wa.example.com:8443/path", "https://8.8.8.8"]
)
def test_an_address_that_twilio_can_call_is_ok(base: str) -> None:
    assert public_url(load_settings({}, public_base_url=base)) == Finding("PUBLIC_BASE_URL", "ok")


def test_a_simulated_twilio_calls_what_it_is_told() -> None:
    settings = load_settings(
        {}, twilio_api_base_url="http://127.0.0.1:5000", public_base_url="http://10.0.0.1"
    )
    assert public_url_problem(settings) is None
