"""Settings that would fail later, and elsewhere, are refused at the start in a line that names them."""

import pytest

from schemas.errors import ConfigurationError
from schemas.settings import load_settings

SENT_AS_THEY_ARE = (
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_SECONDARY",
    "TWILIO_FIRST_MESSAGE_CONTENT_SID",
    "ELEVENLABS_API_KEY",
    "ELEVENLABS_WEBHOOK_SECRET",
    "MICROSERVICE_TOKEN",
    "MICROSERVICE_TOKEN_SECONDARY",
    "BACKEND_WEBHOOK_SECRET",
)


@pytest.mark.parametrize("variable", SENT_AS_THEY_ARE)
@pytest.mark.parametrize("odd", ["placeholder\n", " placeholder", "place\tholder", "placeholder\r\n"])
def test_a_line_break_that_came_with_a_secret_is_named_and_the_secret_is_not(variable: str, odd: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{variable}: ") as refused:
        load_settings({variable: odd})
    assert odd.strip() not in str(refused.value)
    assert load_settings({variable: "placeholder"})


@pytest.mark.parametrize(
    "url",
    [
        "https://wa.example.com/#rc=3",
        "https://wa.example.com?a=1",
        "https://wa.example.com ",
        "\nhttps://wa.example.com",
    ],
)
def test_what_would_change_the_address_that_twilio_signs_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="^PUBLIC_BASE_URL: write it as https://"):
        load_settings({"PUBLIC_BASE_URL": url})


def test_a_password_and_operators_are_as_their_owners_wrote_them() -> None:
    settings = load_settings({"KAFKA_SASL_PASSWORD": " a b ", "OPERATOR_TOKENS": '{"ana": "…"}\n'})
    assert (settings.kafka_sasl_password, settings.operators()) == (" a b ", {"ana": "…"})
