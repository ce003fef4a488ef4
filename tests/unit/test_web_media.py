"""Clients' files: only from Twilio, only ours, only so large."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clients.twilio.api import TwilioApi
from clients.twilio.media import TwilioMedia
from schemas.errors import RetryableError
from tests.support.gateway import ACCOUNT, AUTH, FakeRows, Fakes, gateway, settings_with

FOLDER = f"/2010-04-01/Accounts/{ACCOUNT}/Messages"


class Twilio:
    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path_qs, "Authorization" in request.headers))
        name = request.path.rsplit("/")[-1]
        if name == "moved" and not request.query:
            return web.Response(status=307, headers={"Location": f"{request.path}?file=1"})
        if name == "stolen":
            return web.Response(status=307, headers={"Location": "http://127.0.0.1:9/secret"})
        if name == "gone":
            return web.Response(status=404)
        size = 17 * 1024 * 1024 if name == "huge" else 3
        return web.Response(body=b"x" * size, content_type="text/html" if name == "page" else "image/jpeg")


@pytest.fixture
async def twilio() -> AsyncIterator[tuple[Twilio, str]]:
    twilio, app = Twilio(), web.Application()
    app.router.add_get("/{path:.*}", twilio.serve)
    async with TestServer(app) as server:
        yield twilio, str(server.make_url("")).rstrip("/")


async def fetch(base: str, url: str, index: str = "0") -> tuple[int, Any, bytes]:
    fakes = Fakes(rows=FakeRows({"params": {"MediaUrl0": url}}))
    async with gateway(fakes, twilio_api_base_url=base) as client:
        answer = await client.get(f"/api/conversations/+573138539155/media/SM1/{index}", headers=AUTH)
        return answer.status, answer.headers, await answer.read()


async def test_a_file_is_fetched_with_our_credentials_and_is_nothing_to_run(
    twilio: tuple[Twilio, str],
) -> None:
    server, base = twilio
    status, headers, body = await fetch(base, f"{base}{FOLDER}/MM1/Media/page")
    assert (status, body) == (200, b"xxx")
    assert (headers["Content-Disposition"], headers["X-Content-Type-Options"]) == ("attachment", "nosniff")
    assert server.asked == [(f"{FOLDER}/MM1/Media/page", True)]


async def test_twilio_may_send_us_on_but_not_with_our_credentials_and_not_anywhere(
    twilio: tuple[Twilio, str],
) -> None:
    server, base = twilio
    assert (await fetch(base, f"{base}{FOLDER}/MM1/Media/moved"))[0] == 200
    assert [with_key for _, with_key in server.asked] == [True, False]
    assert (await fetch(base, f"{base}{FOLDER}/MM1/Media/stolen"))[0] == 502


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9{folder}/MM1/Media/ME1",
        "{base}/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1",
        "{base}{folder}/../../../_sim/ledger",
        "http://user@{host}{folder}/MM1/Media/ME1",
        "file:///etc/passwd",
        "http://[",
        "",
    ],
)
async def test_no_other_url_is_called(twilio: tuple[Twilio, str], url: str) -> None:
    server, base = twilio
    host = base.removeprefix("http://")
    assert (await fetch(base, url.format(base=base, host=host, folder=FOLDER)))[0] == 404
    assert server.asked == []


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("https://api.twilio.com{folder}/MM1/Media/ME1", True),
        ("https://api.dublin.ie1.twilio.com{folder}/MM1/Media/ME1", True),
        ("https://mcs.us1.twilio.com{folder}/MM1/Media/ME1", True),
        ("http://api.twilio.com{folder}/MM1/Media/ME1", False),
        ("https://api.twilio.com:8443{folder}/MM1/Media/ME1", False),
        ("https://me@api.twilio.com{folder}/MM1/Media/ME1", False),
        ("https://api.twilio.com.example.com{folder}/MM1/Media/ME1", False),
        ("https://eviltwilio.com{folder}/MM1/Media/ME1", False),
        ("https://media.twiliocdn.com{folder}/MM1/Media/ME1", False),
        ("https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1", False),
    ],
)
async def test_files_of_our_account_are_on_any_host_of_twilios_own(url: str, is_ours: bool) -> None:
    async with aiohttp.ClientSession() as session:
        for base in ("https://api.dublin.ie1.twilio.com", "https://api.twilio.com"):
            media = TwilioMedia(TwilioApi(settings_with(twilio_api_base_url=base), session))
            assert media.is_ours(url.format(folder=FOLDER)) == is_ours


@pytest.mark.parametrize(("name", "status"), [("huge", 502), ("gone", 404)])
async def test_what_cannot_be_had(twilio: tuple[Twilio, str], name: str, status: int) -> None:
    _, base = twilio
    assert (await fetch(base, f"{base}{FOLDER}/MM1/Media/{name}"))[0] == status


async def test_there_is_no_such_file(twilio: tuple[Twilio, str]) -> None:
    _, base = twilio
    for index in ("1", "x", "-1", "00", "%D9%A0", "9" * 40):
        assert (await fetch(base, f"{base}{FOLDER}/MM1/Media/ok", index))[0] == 404


async def test_the_token_is_needed() -> None:
    async with gateway(Fakes()) as client:
        assert (await client.get("/api/conversations/+573138539155/media/SM1/0")).status == 401


async def test_few_files_are_held_at_once() -> None:
    now_held, most_held = 0, 0

    async def slow(request: web.Request) -> web.Response:
        nonlocal now_held, most_held
        now_held += 1
        most_held = max(most_held, now_held)
        await asyncio.sleep(0)
        now_held -= 1
        return web.Response(body=b"xxx")

    app = web.Application()
    app.router.add_get("/{path:.*}", slow)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        base = str(server.make_url("")).rstrip("/")
        media = TwilioMedia(TwilioApi(settings_with(twilio_api_base_url=base), session))
        await asyncio.gather(*(media.fetch(f"{base}{FOLDER}/MM1/Media/{number}") for number in range(20)))
    assert most_held <= 4


def test_the_api_and_the_console_share_that_bound() -> None:
    """Each has its own routes; made twice, twice as many files would be held."""
    source = [file.read_text() for file in (Path(__file__).parents[2] / "web").rglob("*.py")]
    assert sum(text.count("TwilioMedia(") for text in source) == 1


async def test_who_waits_for_others_files_is_told_so_in_time() -> None:
    hangs = asyncio.Event()

    async def serve(request: web.Request) -> web.Response:
        await hangs.wait()
        return web.Response(body=b"x")

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        base = str(server.make_url("")).rstrip("/")
        media = TwilioMedia(TwilioApi(settings_with(twilio_api_base_url=base), session), place_seconds=0.1)
        first = [asyncio.create_task(media.fetch(f"{base}{FOLDER}/MM{n}/Media/x")) for n in range(4)]
        with pytest.raises(RetryableError, match="slow to give the files"):
            await asyncio.gather(*first, media.fetch(f"{base}{FOLDER}/MM9/Media/x"))
        hangs.set()
        assert [(await each).body for each in first] == [b"x"] * 4
        assert (await media.fetch(f"{base}{FOLDER}/MM9/Media/x")).body == b"x"
