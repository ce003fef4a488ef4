"""Clients' files: only from Twilio, only ours, only so large."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.gateway import ACCOUNT, AUTH, FakeRows, Fakes, gateway

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


async def test_a_file_is_fetched_with_our_credentials_and_is_nothing_to_run(twilio: tuple[Twilio, str]) -> None:
    server, base = twilio
    status, headers, body = await fetch(base, f"{base}{FOLDER}/MM1/Media/page")
    assert (status, body) == (200, b"xxx")
    assert (headers["Content-Disposition"], headers["X-Content-Type-Options"]) == ("attachment", "nosniff")
    assert server.asked == [(f"{FOLDER}/MM1/Media/page", True)]


async def test_twilio_may_send_us_on_but_not_with_our_credentials_and_not_anywhere(twilio: tuple[Twilio, str]) -> None:
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


@pytest.mark.parametrize(("name", "status"), [("huge", 502), ("gone", 404)])
async def test_what_cannot_be_had(twilio: tuple[Twilio, str], name: str, status: int) -> None:
    _, base = twilio
    assert (await fetch(base, f"{base}{FOLDER}/MM1/Media/{name}"))[0] == status


async def test_there_is_no_such_file(twilio: tuple[Twilio, str]) -> None:
    _, base = twilio
    for index in ("1", "x", "-1", "9" * 40):
        assert (await fetch(base, f"{base}{FOLDER}/MM1/Media/ok", index))[0] == 404


async def test_the_token_is_needed() -> None:
    async with gateway(Fakes()) as client:
        assert (await client.get("/api/conversations/+573138539155/media/SM1/0")).status == 401
