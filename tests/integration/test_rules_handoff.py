"""Who speaks: the agent, a person, nobody. On a real Postgres."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from db.pool import Pool
from db.queries import load
from schemas.settings import load_settings
from streams.journal.journal import Journal
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.worker.backend_posts import BackendPosts
from tests.support.deadline import eventually
from tests.support.journal import Chat, chat_on


@pytest.fixture
async def chat(pool: Pool) -> Chat:
    chat = await chat_on(pool)
    await chat.called()
    return chat


async def silences(chat: Chat, **of: float | None) -> int:
    ended: int = await chat.pool.fetchval(load("rules").end_silences, {"most": 100} | of)
    return ended


async def age(chat: Chat, hours: int) -> None:
    await chat.pool.execute(
        "UPDATE conversation_state SET last_message_at = last_message_at - make_interval(hours => $1),"
        " escalated_at = escalated_at - make_interval(hours => $1)", hours
    )  # fmt: skip


async def test_a_client_who_asks_for_a_person_gets_one_and_the_agent_is_silent(chat: Chat) -> None:
    turn = (await chat.write("¿cuánto cuesta?", "asesor")).turn
    assert turn is not None
    assert (turn.notice, turn.is_silent) == ("escalated", True)
    await chat.send(turn, "te paso con una persona")
    assert await chat.status() == "escalated"
    assert (await chat.write("¿hola?")).state == "silent"
    assert (await chat.write("asesor")).state == "silent"  # asked for already
    [event] = await chat.events("escalated")
    assert event["data"] == {"by": "client", "message_sid": "SMin2"}
    assert event["state"]["status"] == "escalated"


async def test_the_agent_asks_for_a_person_or_ends_the_conversation(chat: Chat) -> None:
    turn = (await chat.write("adiós")).turn
    assert turn is not None
    await chat.send(turn, "hasta pronto", then="closed")
    assert await chat.status() == "closed"
    assert [event["type"] for event in await chat.events()][-3:] == ["answered", "closed", "sent"]
    again = (await chat.write("una cosa más")).turn  # a message reopens it
    assert again is not None
    assert await chat.status() == "active"
    assert await chat.pool.fetchval("SELECT closed_at FROM conversation_state") is None
    await chat.send(again, "te paso con alguien", then="escalated")
    assert await chat.status() == "escalated"


async def test_what_was_said_meanwhile_is_known_and_told_once(chat: Chat) -> None:
    turn = (await chat.write("asesor")).turn
    assert turn is not None
    await chat.send(turn, "te paso con una persona")
    await chat.write("quiero cambiar mi cita")
    await chat.pool.execute("SELECT wm_change_status(id, 0, 'active', '{\"by\": \"operator\"}') FROM conversation_state")
    turn = (await chat.write("¿y el precio?")).turn
    assert turn is not None
    assert turn.meanwhile_from is not None
    said = [text for at, _, text in await chat.journal.history(turn, 40) if at > turn.meanwhile_from]
    assert said == ["te paso con una persona", "quiero cambiar mi cita"]
    await chat.send(turn, "cuesta $99", caught_up=True)
    turn = (await chat.write("gracias")).turn
    assert turn is not None
    assert turn.meanwhile_from is None


async def test_silence_closes_and_a_forgotten_escalation_goes_back(chat: Chat) -> None:
    assert await silences(chat, idle_seconds=3600.0, resume_seconds=None) == 0
    await age(chat, 2)
    assert await silences(chat, idle_seconds=None, resume_seconds=3600.0) == 0
    assert await silences(chat, idle_seconds=3600.0, resume_seconds=3600.0) == 1
    assert await chat.status() == "closed"
    turn = (await chat.write("asesor")).turn
    assert turn is not None
    assert await silences(chat, idle_seconds=3600.0, resume_seconds=3600.0) == 0
    await age(chat, 2)
    assert await silences(chat, idle_seconds=1.0, resume_seconds=3600.0) == 0  # a turn is under way
    await chat.send(turn, "te paso con una persona")
    assert await silences(chat, idle_seconds=3600.0, resume_seconds=3600.0) == 1
    assert await chat.status() == "active"
    ends = [event["data"]["by"] for event in await chat.events("closed", "resumed")]
    assert ends == ["silence", "time"]


class Backend:
    """Refuses as often as told; keeps what it took, with its signature checked."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.took: list[dict[str, Any]] = []

    async def take(self, request: web.Request) -> web.Response:
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=503)
        body = await request.read()
        at, given = (part.split("=")[1] for part in request.headers["X-Service-Signature"].split(","))
        expected = hmac.new(b"shared", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(given, expected)
        event = await request.json()
        assert request.headers["X-Event-Id"] == event["event_id"]
        self.took.append(event)
        return web.Response(status=204)


@pytest.fixture
async def backend() -> AsyncIterator[tuple[Backend, str]]:
    backend = Backend(refusals=1)
    app = web.Application()
    app.router.add_post("/events", backend.take)
    async with TestServer(app) as server:
        yield backend, str(server.make_url("/"))


async def test_the_backend_is_told_by_a_signed_post_until_it_takes_it(
    chat: Chat, backend: tuple[Backend, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.worker.backend_posts._LOOK_EVERY_SECONDS", 0.02)
    monkeypatch.setattr("streams.worker.backend_posts._FIRST_RETRY_SECONDS", 0.05)
    server, url = backend
    settings = load_settings({}, backend_url=url, backend_events_path="/events", backend_webhook_secret="shared")
    ownership = Ownership(chat.pool, "test")
    await ownership.claim({0})
    chat.journal = Journal(chat.pool, Steps(chat.pool), ownership)
    begun = (await chat.write("asesor")).turn
    assert begun is not None
    await chat.send(begun, "te paso con una persona", then="closed")
    posting = asyncio.create_task(BackendPosts(settings, chat.pool, ownership).work())

    async def nothing_is_left() -> bool:
        assert not posting.done(), posting
        return bool(await chat.pool.fetchval("SELECT count(*) = 0 FROM conversation_backend_post"))

    await eventually(nothing_is_left)
    posting.cancel()
    with suppress(asyncio.CancelledError):
        await posting
    assert [event["type"] for event in server.took] == ["escalated"]
    assert server.refusals == 0
