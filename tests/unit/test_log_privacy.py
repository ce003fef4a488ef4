"""No log line tells a secret, a person's number or words, in either format, whatever failed with what."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import structlog

from cli.logs import configure_logs
from schemas.errors import ConfigurationError, RetryableError
from schemas.phone import without_numbers
from schemas.settings import Settings, load_settings

NUMBER, WORDS = "+573138539155", "el ornitorrinco azul"
SECRETS = {
    "MICROSERVICE_TOKEN": "the-service-token",
    "TWILIO_AUTH_TOKEN": 'quoted"secret',
    "ELEVENLABS_API_KEY": "xi-secret-key",
    "ELEVENLABS_WEBHOOK_SECRET": "wsec_1234567",
    "BACKEND_WEBHOOK_SECRET": "backend-secret-1",
    "OPERATOR_TOKENS": '{"ana": "ana-token-1"}',
    "DATABASE_URL": "postgresql://me:data%2Fbase-pass@127.0.0.1:5432/x",
    "KAFKA_SASL_PASSWORD": "sasl-password",
}
_PARTS = ("the-service-token", "quoted", "xi-secret-key", "wsec_1234567", "backend-secret-1", "ana-token-1")
PARTS = (*_PARTS, "data%2Fbase-pass", "data/base-pass", "sasl-password", WORDS, NUMBER, "573138539155")


@contextmanager
def logged(format_: str) -> Iterator[Callable[[], str]]:
    """Logs as a process's, into a text."""
    settings, out, root = load_settings(SECRETS, log_format=format_), io.StringIO(), logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure_logs(settings, out)
        yield out.getvalue
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        structlog.reset_defaults()


def fail(settings: Settings, error: Exception) -> None:
    token, number, text = settings.microservice_token, NUMBER, WORDS
    if token and number and text:
        raise error


def _task_that_nobody_waited_for() -> None:
    async def lost() -> None:
        raise ValueError(f"{WORDS} {NUMBER}")

    async def run() -> None:
        task = asyncio.create_task(lost())
        await asyncio.wait({task})
        asyncio.get_running_loop().call_exception_handler(
            {"message": "Task exception was never retrieved", "exception": task.exception(), "future": task}
        )

    asyncio.run(run())


@pytest.mark.parametrize("format_", ["json", "console"])
def test_exceptions_tell_where_and_of_which_type(format_: str) -> None:
    settings = load_settings(SECRETS)
    with logged(format_) as text:
        log = structlog.get_logger()
        try:
            try:
                fail(settings, KeyError(f"{WORDS} {NUMBER}"))
            except KeyError as error:
                raise ValueError(f"invalid literal: {WORDS}") from error
        except ValueError:
            log.exception("it failed")
            logging.getLogger("library").exception("a library failed")
        _task_that_nobody_waited_for()
        told = text()
    shown = (
        "it failed",
        "a library failed",
        "builtins.KeyError",
        "builtins.ValueError",
        "in fail",
        "never retrieved",
    )
    assert [each for each in shown if each not in told] == []
    assert_private(told)


@pytest.mark.parametrize("format_", ["json", "console"])
def test_whatever_a_line_is_given_nothing_private_is_written(format_: str) -> None:
    settings = load_settings(SECRETS)
    with logged(format_) as text:
        log = structlog.get_logger()
        why = RetryableError("twilio", f"The 'To' number whatsapp:{NUMBER} is not a valid phone number.").why
        log.warning("turn failed", why=why, error=ValueError(WORDS), settings=settings, more=[{NUMBER}])
        log.warning(
            "a secret",
            token=settings.microservice_token,
            url=settings.database_url,
            all=list(SECRETS.values()),
        )
        try:
            fail(settings, ConfigurationError("TWILIO_AUTH_TOKEN: write it as …"))
        except ConfigurationError:
            log.exception("what is ours to say is said")
        told = text()
    assert "The 'To' number whatsapp:+57******9155 is not" in told
    assert "TWILIO_AUTH_TOKEN: write it as" in told.encode().decode("unicode_escape")
    assert_private(told)


def assert_private(text: str) -> None:
    assert [part for part in PARTS if part in text] == []


def test_json_stays_json() -> None:
    with logged("json") as text:
        structlog.get_logger().info(
            "offsets", offset=573138539155, at="2026-11-30T02:22:08.123456Z", id="a-573138539155"
        )
        line = json.loads(text())
    assert (line["offset"], line["at"], line["id"]) == (
        573138539155,
        "2026-11-30T02:22:08.123456Z",
        "a-573138539155",
    )


def test_what_is_printed_hides_secrets_and_is_used_as_any_text() -> None:
    settings = load_settings(SECRETS)
    assert_private(repr(settings) + repr(vars(settings)) + f"{settings!s}")
    assert f"{settings.microservice_token}" == "the-service-token"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("to +57 313 853 9155 now", "to +57******9155 now"),
        ("To=whatsapp%3A%2B573138539155&x", "To=whatsapp%3A%2B********9155&x"),
        ("573138539155 is not", "573*****9155 is not"),
        (
            "error 21211, 16384 bytes, 2026-11-30 02:22:08+00:00",
            "error 21211, 16384 bytes, 2026-11-30 02:22:08+00:00",
        ),
        ("own id 00000000-0000-4000-8000-446655440000", "own id 00000000-0000-4000-8000-446655440000"),
        ("SM22222222222222222222222222222222", "SM22222222222222222222222222222222"),
    ],
)
def test_numbers_within_words_are_masked(written: str, shown: str) -> None:
    assert without_numbers(written) == shown
