"""Each page of the operators' console on stored conversations: answered, failed, waiting, under way."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from db.pool import create_pool
from rules import inputs as i
from schemas.documents import now
from schemas.settings import load_settings
from tests.support import http
from tests.support.chat import NUMBER
from tests.support.stored_chat import stored_chat
from tests.support.up import eventually_sync
from tests.support.web_process import Web, running_web

ANA = "a" * 40
_REFUSED = {
    "vendor": "twilio",
    "scope": "first_messages",
    "code": "63018",
    "since": "2026-03-02T15:00:00+00:00",
    "until": "2026-03-02T16:00:00+00:00",
}
_VIEW = {
    "lag": {"inbound-message-3": 7},
    "paused": ["twilio"],
    "refused": [_REFUSED],
    "partitions": {"inbound-message-3": {"unfinished": 2, "oldest_offset": 1, "oldest_seconds": 42.0}},
    "standing": ["partition 3 stands still: KeyError (decide.py:7)"],
    "restart_helps": False,
    "retried": [{"why": "ValueError (text.py:9)", "tries": 5, "seconds": 31.0}],
}
# Ids are their owners', who may date them.
_CAMPAIGN = "2025%2F10%20a%3Fb"
_PATHS = (
    "/ops",
    "/ops/conversations",
    "/ops/conversations?shown=failed",
    "/ops/conversations?shown=waiting",
    f"/ops/conversations/{NUMBER}",
    "/ops/campaigns",
    f"/ops/campaigns/{_CAMPAIGN}",
    f"/ops/campaigns/{_CAMPAIGN}/days.svg",
    "/ops/suppressed",
    "/ops/charts/hour.svg",
    "/ops/charts/day.svg",
)


async def _chat(database_url: str) -> None:
    """Store a call, its first message, and three questions: answered, answer refused, waiting."""
    pool = await create_pool(load_settings({}, database_url=database_url))
    try:
        chat = await stored_chat(pool)
        chat.now = now() - timedelta(minutes=3)
        chat.call(batch_id=unquote(_CAMPAIGN), batch_name="Campaña Ñ")
        chat.greet()
        chat.exchange("¿precio?", "Cuesta 20")
        chat.write("¿y con descuento?")
        chat.answer("Cuesta 15")
        chat.give(i.SendRefused(own_id=chat.sends()[0].part.own_id, why="not whitelisted", code="63007"))
        chat.accept()
        chat.write("¿sigues ahí?", "SM-gone")
        chat.give(
            i.AgentFailed(question=("SM-gone",), retryable=False, why="no such agent", code="404", slot=True)
        )
        chat.accept()
        chat.write("¿hola?")
        await chat.save()
    finally:
        await pool.close()


class _Views(BaseHTTPRequestHandler):
    """A worker's `/partitions`."""

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        body = json.dumps(_VIEW).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def worker() -> Iterator[str]:
    """A worker that has something unfinished."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Views) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def web(worker: str, database_url: str, tmp_path: Path) -> Iterator[Web]:
    asyncio.run(_chat(database_url))
    operators = json.dumps({"ana": ANA})
    with running_web(
        database_url, tmp_path / "web.log", OPERATOR_TOKENS=operators, WORKER_URLS=worker
    ) as running:
        yield running


def _tells_what_needs_somebody(client: httpx.Client) -> None:
    """The workers are looked at each few seconds."""
    standing = "partition 3 stands still: <code>KeyError (decide.py:7)</code>. A new start does not help"

    def look() -> bool:
        text = client.get("/ops", timeout=30).text
        return standing in text and "tried again and again: <code>ValueError (text.py:9)</code>." in text

    eventually_sync(look)
    spanish = client.get("/ops", headers={"Accept-Language": "es"}, timeout=30).text
    assert (
        "la partición 3 está parada: <code>KeyError (decide.py:7)</code>. Arrancarlo de nuevo no ayuda"
        in spanish
    )


def test_each_page_shows_what_is_there(web: Web) -> None:
    cookies = dict(http.post(f"{web.url}/ops/sign-in", data={"token": ANA}).cookies)
    headers = {"Accept": "text/html", "Accept-Language": "en"}
    with httpx.Client(base_url=web.url, cookies=cookies, headers=headers) as client:
        pages = {path: client.get(path, timeout=30) for path in _PATHS}
        assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(_PATHS, 200)
        for shown in ("failed", "waiting"):
            assert NUMBER in pages[f"/ops/conversations?shown={shown}"].text
        assert "What is stuck" in pages["/ops"].text
        for said in (NUMBER, "paused: twilio", "inbound-message-3", "42 s"):
            assert said in pages["/ops"].text
        for said in ("twilio 63018", "First messages wait; answers go on.", "messaging limit"):
            assert said in pages["/ops"].text
        _tells_what_needs_somebody(client)
        conversation = pages[f"/ops/conversations/{NUMBER}"].text
        for said in ("Quiere el plan oro", "Cuesta 20", "¿hola?", "63007", "not whitelisted"):
            assert said in conversation
        assert [conversation.count(f'class="turn {state}"') for state in ("begun", "failed", "done")] == [
            1,
            1,
            4,
        ]
        for said in (
            "there is no such agent at ElevenLabs",
            "restore the agent",
            "An apology, in place of an answer",
        ):
            assert said in conversation
        assert "Campaña Ñ" in pages["/ops/campaigns"].text
        assert f'href="/ops/campaigns/{_CAMPAIGN}"' in pages["/ops/campaigns"].text
        assert f'src="/ops/campaigns/{_CAMPAIGN}/days.svg' in pages[f"/ops/campaigns/{_CAMPAIGN}"].text
        export = client.get(f"/ops/conversations/{NUMBER}/export.json").json()
        assert [each["content"] for each in export["messages"]][-1] == "¿hola?"
