"""A worker's sender whose account, key or number is refused, and what operators see of it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import jinja2

import web.ops
from clients.circuit_breaker import CircuitBreaker
from clients.http import Answer
from clients.messenger import OutgoingMessage
from clients.rate_limiter import RateLimiter
from clients.sender_standing import Standing
from clients.twilio.api import refused
from rules.effects import AwaitSlot, SendMessage
from rules.inputs import SendNotMade, SlotTaken
from rules.turns import Part
from schemas.events import MessageStatus
from streams.actors.effects.delivery import Delivery
from streams.actors.reports import ReportWatch
from web.ops.filters import Filters
from web.ops.language import translations

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
AT_ONCE, BY_REPORT = HOWS = ("at once", "by a report")
_TEMPLATES = Path(web.ops.__file__).parent / "templates"
_STATUSES = {"20003": 401, "20005": 403}


class Twilio:
    """A Twilio that refuses every create with a code."""

    vendor = "twilio"

    def __init__(self, code: str) -> None:
        self.code = code

    async def send(self, message: OutgoingMessage, may_leave: Callable[[], bool]) -> None:
        body = json.dumps({"code": int(self.code), "message": "no"}).encode()
        raise refused(Answer(_STATUSES.get(self.code, 400), body, {}))


class Meets:
    """A worker that has met a code in messages to some people."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.now = AT
        self.standing = Standing.begun(lambda: self.now)
        self.reports = ReportWatch(self.standing.sender, lambda: self.now)
        self.delivery = Delivery(
            cast(Any, Twilio(code)),
            CircuitBreaker("twilio"),
            RateLimiter(80.0),
            self.standing.sender,
            epoch_of=lambda key: 1,
            confirm=_confirmed,
            may_leave=lambda key, epoch: True,
            now=lambda: self.now,
            find_restored=_never,
        )

    async def told(self, how: str, people: int, *, is_first: bool) -> None:
        for place in range(people):
            to = f"+57313853915{place}"
            part = Part(
                own_id=f"00000000-0000-4000-8000-00000000000{place}", to=f"whatsapp:{to}", body="hola"
            )
            if how == AT_ONCE:
                effect = replace(SEND, part=part, is_first=is_first)
                await self.delivery.send(to, effect)
            else:
                self._report(part, is_first=is_first)

    def _report(self, part: Part, *, is_first: bool) -> None:
        params = {
            "MessageSid": f"SM{part.own_id[-8:]}",
            "MessageStatus": "failed",
            "To": part.to,
            "ErrorCode": self.code,
        }
        report = MessageStatus(event_id=part.own_id, received_at=self.now, params=params, own_id=part.own_id)
        send = SimpleNamespace(own_id=part.own_id, said_kind="call" if is_first else "reply", content=None)
        self.reports.read(report, cast(Any, send), report.key)

    async def answer_waits(self) -> bool:
        slot = asyncio.create_task(self.delivery.await_slot(SLOT))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waits = not slot.done()
        assert waits or slot.result() == SlotTaken(own_id=SLOT.part.own_id)
        slot.cancel()
        return waits

    async def first_is_held_until(self) -> datetime | None:
        held = await self.delivery.await_slot(replace(SLOT, is_first=True))
        return held.sender_until if isinstance(held, SendNotMade) else None


PART = Part(own_id="9", to="whatsapp:+573138539199", body="hola")
SLOT = AwaitSlot(id="slot", part=PART)
SEND = SendMessage(id="send", part=PART, turn_id=1, asked_at=AT, request_id=None, trace=None)


async def _confirmed(key: str, epoch: int) -> None:
    return None


async def _never(key: str, effect: SendMessage) -> None:
    return None


def console(refused_: list[dict[str, Any]]) -> str:
    """Return what the overview shows an operator who reads Spanish."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True)
    Filters(ZoneInfo("UTC"), masked_numbers=False).install(environment)
    spanish, nothing = translations("es"), SimpleNamespace(pauses=[], unreachable=[])
    context = {"_": spanish.gettext, "ngettext": spanish.ngettext, "language": "es", "refused": refused_}
    now = SimpleNamespace(
        turns_a_minute=0, active=0, held=0, parked=0, spooled=0, oldest_seconds=None, escalated=0
    )
    times = SimpleNamespace(p50=None, p95=None)
    context |= {"now": now, "times": times, "dependencies": {}, "workers": nothing, "minute": 0}
    template = environment.get_template("now.html")
    return "".join(template.blocks["body"](template.new_context(context)))
