"""Every code about our account, sender or key, at once or by report: what stops, who is told, until when."""

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from aiohttp.test_utils import TestClient, TestServer
from markupsafe import escape

from clients.sender_standing import Standing
from schemas.twilio_codes import _table, classify
from streams.worker.views import Views
from tests.support.refused_sender import AT, HOWS, Meets, console
from web.workers import refusal_line, refusals

ALERTS = yaml.safe_load((Path(__file__).parents[2] / "ops" / "alerts.yaml").read_text())
OF_ALL = sorted(code for code, verdict in _table().items() if verdict.kind == "hold")
"""Credentials, a locked or closed account, a changed number: nothing can be sent until somebody acts."""
OF_FIRST_MESSAGES = ["63018", "63119", "131056"]
"""The sender's limit, where several people in a row meet it; to one person it is that person's."""


async def measured(standing: Standing, folder: Path) -> str:
    """What Prometheus reads of a worker."""
    part = SimpleNamespace
    doing = {"mailboxes": 0, "in_flight": 0, "oldest": {}, "partitions": {}}
    mailboxes = part(snapshot=lambda: doing, stopped={})
    progress, publisher = part(behind=0, seconds=lambda: 0.0), part(unpublished=0)
    given: list[Any] = [
        part(),
        mailboxes,
        part(),
        publisher,
        part(partitions=[]),
        progress,
        [],
        standing,
        folder,
    ]
    async with TestClient(TestServer(Views(*given).application())) as client:
        return await (await client.get("/metrics")).text()


def fires(alert: str, metrics: str, scope: str) -> bool:
    """Whether an alert's expression is true of what was measured."""
    [rule] = [each for group in ALERTS["groups"] for each in group["rules"] if each["alert"] == alert]
    assert f'whatsapp_account_refused{{scope="{scope}"}}' in rule["expr"]
    return f'whatsapp_account_refused{{scope="{scope}",vendor="twilio"}} 1.0' in metrics


def test_the_table_has_what_was_seen() -> None:
    assert {"20003", "20005", "63051", "63112", "30002", "63101", "63007"} <= set(OF_ALL)
    assert [classify(code).kind for code in OF_FIRST_MESSAGES] == ["slow"] * 3


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("code", OF_ALL)
async def test_one_of_the_accounts_stops_everything_and_says_until_when_and_what_to_do(
    code: str, how: str, tmp_path: Path
) -> None:
    worker = Meets(code)
    await worker.told(how, 1, is_first=False)
    assert await worker.answer_waits()
    assert await worker.first_is_held_until() == AT + timedelta(seconds=30), "looked at again, not tried"
    [told] = refusals({"a": {"refused": worker.standing.shown()}})
    assert (told["scope"], told["code"]) == ("account", code)
    assert datetime.fromisoformat(told["until"]) == AT + timedelta(seconds=5)
    verdict = classify(code)
    said = refusal_line(told)
    for words in (
        verdict.en,
        f"twilio {code}",
        "all that is for it waits",
        told["until"],
        f"to do: {verdict.do_en}",
    ):
        assert words in said
    page = console([told])
    for words in (f"twilio {code}", verdict.es, verdict.do_es, "15:00:05"):
        assert str(escape(words)) in page
    metrics = await measured(worker.standing, tmp_path)
    assert fires("AccountRefused", metrics, "account")
    assert not fires("FirstMessagesHeld", metrics, "first_messages")


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("code", OF_FIRST_MESSAGES)
async def test_the_senders_limit_holds_first_messages_alone(code: str, how: str, tmp_path: Path) -> None:
    worker = Meets(code)
    await worker.told(how, 2, is_first=True)
    await worker.told(how, 3, is_first=False)
    assert worker.standing.shown() == [], "two people's, and those of answers, are nobody else's"
    await worker.told(how, 3, is_first=True)
    assert not await worker.answer_waits()
    assert await worker.first_is_held_until() == AT + timedelta(minutes=1)
    [told] = refusals({"a": {"refused": worker.standing.shown()}})
    assert (told["scope"], told["code"]) == ("first_messages", code)
    assert "first messages wait, answers do not" in refusal_line(told)
    assert told["until"] in refusal_line(told)
    assert "15:01:00" in console([told])
    metrics = await measured(worker.standing, tmp_path)
    assert fires("FirstMessagesHeld", metrics, "first_messages")
    assert not fires("AccountRefused", metrics, "account")


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("kind", ["terminal", "suppress", "template", "retryable"])
async def test_a_code_of_one_message_stops_nothing(kind: str, how: str) -> None:
    for code in (code for code, verdict in _table().items() if verdict.kind == kind and code.isdecimal()):
        worker = Meets(code)
        await worker.told(how, 4, is_first=True)
        assert (worker.standing.shown(), await worker.answer_waits()) == ([], False), code


@pytest.mark.parametrize("code", OF_FIRST_MESSAGES)
async def test_who_is_told_of_at_once_and_by_a_report_is_one_person(code: str) -> None:
    worker = Meets(code)
    for how in HOWS:
        await worker.told(how, 2, is_first=True)
    assert worker.standing.shown() == []
