"""The phone in the browser: end a pretend call, chat as its client, break things, and see nothing get lost.

Available only where both vendors are simulated. It listens on loopback, and its endpoints accept only JSON,
which no other site can post.
"""

import asyncio
import secrets
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from local.phone.breakage import SWITCHES, Breakage
from local.phone.ledger import Ledger, judge
from local.phone.messages import inbound, kind_of
from local.phone.people import People
from local.phone.world import Addresses, Parts, World
from schemas.errors import InvalidInput
from schemas.phone import canonical_number

Json = dict[str, Any]
_STATIC = Path(__file__).parent / "static"
_BURST = 100
_JSON = "application/json"
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class Phone:
    """The page and its endpoints."""

    def __init__(self, world: World, parts: Parts) -> None:
        self._world = world
        self._parts = parts
        self._breakage = Breakage(world)
        self._calls: Counter[str] = Counter()
        self._people = People()
        # A client's next message leaves once the one before is accepted: otherwise there is no order to keep.
        self._writing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[_checked])
        app.router.add_get("/", self._page)
        app.router.add_static("/static", _STATIC)
        app.router.add_get("/api/state", self._state)
        app.router.add_post("/api/call", self._call)
        app.router.add_post("/api/write", self._write)
        app.router.add_post("/api/person", self._person)
        app.router.add_post("/api/burst", self._burst)
        app.router.add_post("/api/switch", self._switch)
        app.router.add_post("/api/part", self._part)
        return app

    async def _page(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(_STATIC / "phone.html")

    async def _state(self, request: web.Request) -> web.Response:
        """Return the requested numbers' chats and ledgers, the total, the switches and the parts."""
        twilio, asked = await self._world.ledgers()
        numbers = [number for number in request.query.get("numbers", "").split(",") if number]
        chats, total = {}, Ledger()
        for number in numbers:
            addresses, person = self._people.addresses(number), self._people.of(number)
            ledger = judge(number, twilio, asked, self._calls[number], addresses)
            total.add(ledger)
            now = {"shows": person.shows, "number": person.number}
            chats[number] = {"messages": _chat(addresses, twilio), "ledger": asdict(ledger), "now": now}
        switches = {name: name in self._breakage.on for name in SWITCHES}
        body = {"chats": chats, "total": asdict(total), "switches": switches, "parts": self._parts.running()}
        return web.json_response(body)

    async def _call(self, request: web.Request) -> web.Response:
        """End a call; return the service's own answer and its status."""
        wanted = await request.json()
        number = canonical_number(str(wanted.get("number", "")))
        conversation = f"conv_{secrets.token_hex(12)}"
        await self._world.elevenlabs(
            "calls", {"conversation_id": conversation, "summary": wanted.get("summary") or ""}
        )
        if manner := wanted.get("manner"):
            await self._world.elevenlabs("settings", {"manner": manner})
        self._calls[number] += 1
        status, answer = await self._world.end_call(_call_body(number, conversation, wanted))
        return web.json_response({"number": number, "status": status, "answer": answer})

    async def _write(self, request: web.Request) -> web.Response:
        """Send one message as the client."""
        wanted = await request.json()
        return web.json_response(
            await self._send(wanted, wanted.get("kind", "text"), str(wanted.get("text", "")))
        )

    async def _person(self, request: web.Request) -> web.Response:
        """Change what a client's webhooks show, or change the client's number."""
        wanted = await request.json()
        number = canonical_number(str(wanted.get("number", "")))
        async with self._writing[number]:
            person = self._people.change(number, wanted)
            return web.json_response(await self._world.twilio("people", person.identity))

    async def _burst(self, request: web.Request) -> web.Response:
        """Send a hundred messages at once, spread over the given clients."""
        numbers = [str(number) for number in (await request.json()).get("numbers", [])]
        if not numbers:
            raise InvalidInput("numbers", "end a call first")
        tag = secrets.token_hex(2)
        sends = [
            self._send(
                {"number": numbers[place % len(numbers)]}, "text", f"mensaje {place + 1} de {_BURST} ({tag})"
            )
            for place in range(_BURST)
        ]
        answers = await asyncio.gather(*sends)
        return web.json_response(
            {"taken": sum(answer.get("status") == 200 for answer in answers), "of": _BURST}
        )

    async def _send(self, wanted: Json, kind: str, text: str) -> Json:
        number = canonical_number(str(wanted.get("number", "")))
        try:
            message = inbound(number, kind, text)
        except ValueError as error:
            field, _, why = str(error).partition(": ")
            raise InvalidInput(field, why) from error
        async with self._writing[number]:
            return await self._world.twilio("inbound", message | {"from": self._people.of(number).number})

    async def _switch(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        if wanted.get("name") not in SWITCHES:
            raise InvalidInput("name", f"must be one of {', '.join(SWITCHES)}")
        await self._breakage.turn(wanted["name"], on=bool(wanted.get("on")))
        return web.json_response({"on": sorted(self._breakage.on)})

    async def _part(self, request: web.Request) -> web.Response:
        """Kill a part or start it again."""
        wanted = await request.json()
        if wanted.get("part") not in self._parts.running():
            raise InvalidInput("part", f"must be one of {', '.join(self._parts.running())}")
        await (self._parts.start if wanted.get("start") else self._parts.kill)(wanted["part"])
        return web.json_response(self._parts.running())


@web.middleware
async def _checked(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 - aiohttp's
    """Refuse posts that are not JSON, and report every failure as JSON."""
    if request.method == "POST" and request.content_type != _JSON:
        return web.json_response({"error": f"Content-Type must be {_JSON}"}, status=415)
    try:
        response: web.StreamResponse = await handler(request)
    except InvalidInput as error:
        return web.json_response({"error": f"{error.field}: {error.why}"}, status=400)
    except ValueError:
        return web.json_response({"error": "body: not valid JSON"}, status=400)
    except (aiohttp.ClientError, TimeoutError) as error:
        return web.json_response(
            {"error": f"a part does not answer ({type(error).__name__}); is it stopped?"}, status=503
        )
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def _call_body(number: str, conversation: str, wanted: Json) -> Json:
    name = str(wanted.get("name") or "Ana García")
    recipient = {
        "phone_number": number,
        "status": wanted.get("status") or "completed",
        "conversation_id": conversation,
    }
    return {
        "batch_id": "btcal_phone",
        "agent_id": "agent_phone",
        "agent_name": wanted.get("agent_name") or "Lucía",
        "batch_name": "Teléfono de prueba",
        "recipient": recipient,
        "call_metadata": {"client_name": name},
    }


def _chat(addresses: list[str], twilio: list[Json]) -> list[Json]:
    return [
        {
            "sid": row["sid"],
            "mine": row["from"] in addresses,
            "text": row["body"],
            "at": row["created"],
            "status": row["status"],
            "kind": kind_of(row),
        }
        for row in twilio
        if row["from"] in addresses or row["to"] in addresses
    ]


async def serve_phone(
    addresses: Addresses, parts: Parts, host: str, port: int = 0
) -> tuple[str, web.AppRunner]:
    """Serve the page; return its address and the runner to clean up."""
    session = aiohttp.ClientSession()
    app = Phone(World(addresses, session), parts).application()

    async def close(_: web.Application) -> None:
        await session.close()

    app.on_cleanup.append(close)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    return f"http://{host}:{runner.addresses[0][1]}", runner
