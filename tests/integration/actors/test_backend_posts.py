"""The backend gets signed POSTs of what the store keeps for it."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from db.pool import Pool
from rules.effects import TellBackend
from schemas.settings import load_settings
from streams.actors.effects.backend import BackendClient
from tests.support.stored_chat import StoredChat, stored_chat

_SECRET = "shared"


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
        expected = hmac.new(_SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
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


async def _escalated(pool: Pool) -> StoredChat:
    chat = await stored_chat(pool, backend_events="escalated", handoff_text="Te paso")
    chat.call()
    chat.greet()
    chat.write("asesor")
    await chat.save()
    return chat


async def test_it_is_told_until_it_takes_it_and_then_nothing_is_left(
    pool: Pool, backend: tuple[Backend, str]
) -> None:
    server, url = backend
    settings = load_settings(
        {}, backend_url=url, backend_events_path="/events", backend_webhook_secret=_SECRET
    )
    chat, problems = await _escalated(pool), list[str | None]()
    async with aiohttp.ClientSession() as session:
        client = BackendClient(settings, pool, session, time.time)
        for _ in range(2):
            [post] = [effect for effect in chat.wanted() if isinstance(effect, TellBackend)]
            told = await client.tell(post)
            problems.append(told.problem)
            chat.give(told)
            chat.passes(seconds=10)
            await chat.save()
    assert problems == ["HTTP 503", None]
    assert [event["type"] for event in server.took] == ["escalated"]
    assert await pool.fetchval("SELECT count(*) FROM conversation_backend_posts") == 0


async def test_a_backend_that_cannot_be_reached_is_told_later(pool: Pool) -> None:
    chat = await _escalated(pool)
    [post] = [effect for effect in chat.wanted() if isinstance(effect, TellBackend)]
    settings = load_settings({}, backend_url="http://127.0.0.1:9", backend_webhook_secret=_SECRET)
    async with aiohttp.ClientSession() as session:
        told = await BackendClient(settings, pool, session, time.time).tell(post)
    assert told.problem == "ClientConnectorError"
