"""Views: conversations, stats, health; and the answers to what cannot be read."""

import asyncio
import json
from dataclasses import fields
from datetime import datetime
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from db.readers.gateway import DayFigures
from tests.support.gateway import AUTH, NUMBER, FakeRows, Fakes, gateway
from web.health import Health

STATS = {
    "active_conversations": 12,
    "total_conversations_today": 45,
    "messages_sent_today": 127,
    "messages_received_today": 89,
    "response_rate": 74.5,
    "avg_response_time_seconds": 45,
    "queue": {"waiting": 2, "active": 3, "completed": 120, "failed": 1},
}


def _message(number: int) -> dict[str, Any]:
    return {"id": number, "direction": "inbound", "content": "hola", "timestamp": "2025-10-28T10:34:34Z"}


def _row(messages: int) -> dict[str, Any]:
    return {
        "phone_number": NUMBER,
        "client_name": "Ana García",
        "status": "active",
        "elevenlabs_conversation_id": "conv_1",
        "agent_id": "agent_1",
        "started_at": "2025-10-28T10:34:34Z",
        "last_message_at": "2025-10-28T10:45:12Z",
        "message_count": 9,
        "page": [_message(n) for n in range(messages)],
    }


@pytest.mark.parametrize(
    "spelling", ["+573138539155", "%2B573138539155", "573138539155", "%252B573138539155"]
)
async def test_a_number_is_found_under_every_spelling(spelling: str) -> None:
    fakes = Fakes(rows=FakeRows(_row(2)))
    async with gateway(fakes) as client:
        answer = await client.get(URL(f"/api/conversations/{spelling}", encoded=True), headers=AUTH)
        conversation = (await answer.json())["conversation"]
    assert answer.status == 200
    assert fakes.rows.asked == [(NUMBER, None, None, None)]
    assert set(conversation["messages"][0]) == {"direction", "content", "timestamp"}
    assert "next_before" not in conversation
    assert "page" not in conversation


async def test_pages_name_the_next_one_only_when_there_is_one() -> None:
    async with gateway(Fakes(rows=FakeRows(_row(3)))) as client:
        page = (await (await client.get("/api/conversations/573138539155?limit=2", headers=AUTH)).json())[
            "conversation"
        ]
        assert (len(page["messages"]), page["next_before"]) == (2, 1)
        page = (await (await client.get("/api/conversations/573138539155?limit=3", headers=AUTH)).json())[
            "conversation"
        ]
        assert (len(page["messages"]), page.get("next_before")) == (3, None)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("17", (17, None)),
        ("9999999999", (2**31 - 1, None)),
        ("2025-10-28T10:34:34Z", (None, datetime(2025, 10, 28, 10, 34, 34))),
        ("2025-10-28T05:34:34-05:00", (None, datetime(2025, 10, 28, 10, 34, 34))),
        ("2025-10-28T12:34:34+02:00", (None, datetime(2025, 10, 28, 10, 34, 34))),
        ("2025-10-28", (None, datetime(2025, 10, 28))),
    ],
)
async def test_before_is_an_id_or_a_time(before: str, expected: tuple[object, object]) -> None:
    fakes = Fakes(rows=FakeRows(_row(0)))
    async with gateway(fakes) as client:
        url = URL(f"/api/conversations/573138539155?limit=1&before={before}", encoded=True)
        assert (await client.get(url, headers=AUTH)).status == 200
    assert fakes.rows.asked == [(NUMBER, *expected, 2)]


@pytest.mark.parametrize(
    "path",
    [
        "123",
        "abc",
        "%00",
        "%FF",
        "%F0%9F%98%80",
        "+57%ZZ",
        "1" * 5000,
        "573138539155?limit=0",
        "573138539155?limit=-1",
        "573138539155?limit=%F0",
        "573138539155?limit=" + "9" * 5000,
        "573138539155?before=yesterday",
        "573138539155?before=0001-01-01T00:00:00%2B14:00",
        "573138539155?before=",
    ],
)
async def test_garbage_is_400(path: str) -> None:
    async with gateway(Fakes()) as client:
        answer = await client.get(URL(f"/api/conversations/{path}", encoded=True), headers=AUTH)
        assert (answer.status, (await answer.json())["success"]) == (400, False)


async def test_an_unknown_number_is_404() -> None:
    async with gateway(Fakes()) as client:
        answer = await client.get("/api/conversations/573138539155", headers=AUTH)
        assert (answer.status, (await answer.json())["error"]) == (404, "Conversation not found")


async def test_stats_come_from_the_views() -> None:
    seen: list[str | None] = []

    async def stats(request: web.Request) -> web.Response:
        seen.append(request.headers.get("X-Service-Token"))
        return web.json_response({"success": True, "stats": STATS})

    views = web.Application()
    views.router.add_get("/stats", stats)
    async with TestServer(views) as server, gateway(Fakes(), stats_url=str(server.make_url("/"))) as client:
        answer = await client.get("/api/stats", headers=AUTH)
        assert await answer.json() == {"success": True, "stats": STATS, "source": "tables"}
    assert seen == [AUTH["X-Service-Token"]]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("day=2025-13-01", "day"),
        ("day=today", "day"),
        ("batch=b1", "batch"),
        ("batch_id=", "batch_id"),
        ("limit=1", "limit"),
    ],
)
async def test_what_cannot_be_asked_of_the_stats_is_400_by_name(query: str, named: str) -> None:
    async with gateway(Fakes()) as client:
        answer = await client.get(f"/api/stats?{query}", headers=AUTH)
        assert (answer.status, (await answer.json())["details"].partition(":")[0]) == (400, named)


@pytest.mark.parametrize("answer", [{}, [], {"stats": {}}, {"stats": {**STATS, "queue": 1}}, None])
async def test_stats_come_from_postgres_while_no_view_gives_them(answer: object) -> None:
    async def stats(request: web.Request) -> web.Response:
        return web.Response(status=503) if answer is None else web.json_response(answer)

    row = {field.name: 1 for field in fields(DayFigures)} | STATS["queue"]  # type: ignore[operator]
    row |= {"total_conversations_today": 3, "answered_today": 2, "response_quantiles": None}
    views = web.Application()
    views.router.add_get("/stats", stats)
    fakes = Fakes(rows=FakeRows(row))
    async with TestServer(views) as server, gateway(fakes, stats_url=str(server.make_url("/"))) as client:
        body = await (await client.get("/api/stats", headers=AUTH)).json()
    assert (body["source"], body["stats"]["response_rate"]) == ("postgres", 66.7)
    assert body["stats"].keys() == {*STATS, "response_time_seconds"}
    assert body["stats"]["queue"] == STATS["queue"]


@pytest.mark.parametrize(
    ("states", "status", "code"),
    [
        ({}, "ok", 200),
        ({"kafka": "disconnected"}, "degraded", 200),
        ({"database": "disconnected"}, "degraded", 200),
        ({"twilio": "error", "elevenlabs": "disconnected"}, "degraded", 200),
        ({"kafka": "disconnected", "database": "disconnected"}, "degraded", 503),
    ],
)
async def test_health(states: dict[str, str], status: str, code: int) -> None:
    fakes = Fakes()
    fakes.states.update(states)
    async with gateway(fakes, microservice_token=None) as client:
        answer = await client.get("/health")
        body = await answer.json()
        assert (answer.status, body["status"], body["dependencies"]) == (code, status, fakes.states)
        assert body["delivery_reports"] == "ok"
        assert (body["service"], body["version"], body["uptime"]) == ("whatsapp-microservice", "1.0.0", 0)
        assert (await client.get("/ready")).status == code
        assert (await client.get("/live")).status == 200
        assert "web_request_seconds" in await (await client.get("/metrics")).text()


@pytest.mark.parametrize(("standing", "status"), [([], "ok"), (["no worker answers"], "degraded")])
async def test_work_that_stands_still_is_as_bad_as_a_dependency_that_is_away(
    standing: list[str], status: str
) -> None:
    health = Health({}, lambda: "connected", lambda: {"standing": standing})
    health._found = {"database": "connected"}
    answer = await health.health(cast(Any, None))
    body = json.loads(answer.body)
    assert (answer.status, body["status"], body["work"]["standing"]) == (200, status, standing)


@pytest.mark.parametrize(("database", "code"), [("connected", 200), ("disconnected", 503)])
async def test_what_postgres_keeps_from_an_outage_of_kafka_needs_postgres(database: str, code: int) -> None:
    """Web refuses everything then, because Postgres does not tell for whom it keeps something."""
    health = Health({}, lambda: "connected", needs_postgres=lambda: True)
    health._found = {"database": database}
    assert [(await answer(cast(Any, None))).status for answer in (health.health, health.ready)] == [
        code,
        code,
    ]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/%FF%00", 404),
        ("GET", "/%", 404),
        ("DELETE", "/api/call-completed", 405),
        ("GET", "/webhook/twilio/incoming", 405),
        ("PROPFIND", "/health", 405),
    ],
)
async def test_what_is_not_there_is_answered_with_json(method: str, path: str, status: int) -> None:
    async with gateway(Fakes()) as client:
        answer = await client.request(method, URL(path, encoded=True), headers=AUTH)
        assert (answer.status, (await answer.json())["success"]) == (status, False)
        assert answer.headers["X-Request-Id"]


async def test_head_and_strange_request_ids() -> None:
    async with gateway(Fakes()) as client:
        answer = await client.head("/health", headers={"X-Request-Id": "a b"})
        assert answer.status == 200
        assert len(answer.headers["X-Request-Id"]) == 32


@pytest.mark.parametrize(
    "line",
    [b"GET /\xff HTTP/1.1", b"GET /health?%ZZ=\xff&&=%00 HTTP/1.1", b"GET http://[ HTTP/1.1", b"nonsense"],
)
async def test_no_request_line_is_a_5xx(line: bytes) -> None:
    async with gateway(Fakes()) as client:
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(line + b"\r\nHost: \xff[\r\nConnection: close\r\n\r\n")
        status = (await reader.readline()).split()[1]
        writer.close()
        await writer.wait_closed()
        assert status[:1] in (b"2", b"4")
