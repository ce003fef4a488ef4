"""The README's picture: the modules a client's message passes, from Twilio's webhook to its acceptance."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clients.twilio.messenger import TwilioMessenger
from clients.vendors import Vendors
from db.pool import Pool
from tests.support.echo_agent import EchoAgent
from tests.support.modules import ROOT, Modules, executed
from tests.support.one_process import one_process

_PICTURE = (ROOT / "README.md").read_text().partition("### With a client's message in hand")[2]
_WAY, _, _AND = _PICTURE.partition("fails at more than ")
_MOST = int(_AND.partition(",")[0])
_WAIT_SECONDS = 30.0


@dataclass
class Twilio:
    """Takes every message."""

    taken: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def create(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.taken.put_nowait(str(form["Body"]))
        return web.json_response(
            {"sid": f"MM{self.taken.qsize()}", "status": "queued", "body": form["Body"]}, status=201
        )

    async def next(self) -> str:
        async with asyncio.timeout(_WAIT_SECONDS):
            return await self.taken.get()


@pytest.fixture
async def twilio() -> AsyncIterator[tuple[Twilio, str]]:
    twilio, app = Twilio(), web.Application()
    app.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", twilio.create)
    async with TestServer(app) as server:
        yield twilio, str(server.make_url(""))


async def test_a_message_goes_through_few_modules(pool: Pool, twilio: tuple[Twilio, str]) -> None:
    vendor, url = twilio
    agent = EchoAgent()
    async with one_process(
        pool,
        lambda settings, session: Vendors(TwilioMessenger(settings, session), agent, agent),
        twilio_api_base_url=url,
    ) as service:
        await service.call()
        await vendor.next()
        await service.write("SM1", "antes")  # what is made once is there
        assert await vendor.next() == "Oí: antes"
        with executed() as modules:
            await service.write("SM2", "hola")
            assert await vendor.next() == "Oí: hola"
    assert len(modules) <= _MOST, _told(modules)
    picture = _WAY.partition("```\n")[2].partition("```")[0]
    assert set(re.findall(r"[a-z_/]+\.py", picture)) - modules == set()


def _told(modules: Modules) -> str:
    return "\n".join([f"{len(modules)} modules", *sorted(modules)])
