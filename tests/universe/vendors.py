"""Both vendors and the backend as simulated ports; ledgers show what they were asked and have done."""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Set
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from clients.agent import AgentReply, Question
from clients.matching import candidates
from clients.messenger import Accepted, ListedMessage, Listing, MessageFile, OutgoingMessage
from rules.sending import REQUEST_LIVES
from schemas.elevenlabs_call import CallDetails
from schemas.errors import AccountRefused, NumberBusy, RetryableError, TerminalError, UnknownOutcome, Withheld
from schemas.phone import conversation_key
from schemas.twilio_codes import classify
from schemas.verdicts import Verdict
from tests.universe.world import Process, World

SENDER = "whatsapp:+14155238886"
MARK = re.compile(r"\bm\d+\b")
# Less than `clients.matching.MARGIN` allows for.
_LONGEST_LAG = 8.0
# One send in ten finds no kept-alive connection.
_CONNECTS, _CONNECT_SECONDS = 0.1, 5.0
_READ_SECONDS = 10.0
# For what clients wrote.
_INBOUND_LAG = 1.0
# Unknown sends wait longer (`TWILIO_UNKNOWN_PATIENCE_SECONDS`) than any lag of the list: two lags never meet.
LONGEST_LIST_LAG, _BETWEEN_LAGS = 40.0, 120.0
# Failures in a row that reveal an outage, and seconds after which a request has failed: by then, its client
# has given it up.
_SHOW_IT, _KNOWN_AFTER = 5, _READ_SECONDS + _CONNECT_SECONDS
# How long the vendor may hold a request that its client has given up, as in `rules.sending`.
_LONGEST_IN_ITS_HANDS = REQUEST_LIVES.total_seconds()


@dataclass(slots=True, kw_only=True)
class Taken:
    """A message that Twilio has."""

    sid: str
    own_id: str
    to: str
    body: str
    created: float
    #: When its request left the process.
    departed: float
    by: str
    #: When lists show it.
    shown_from: float
    content: dict[str, str] | None = None
    #: It was reported as delivered.
    is_delivered: bool = False
    #: It was reported as not delivered before that, so it may be said once more.
    came_back: bool = False
    #: It is what was said once more.
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A client's message as Twilio has it. `at`: when it got there."""

    sid: str
    sender: str
    body: str
    at: float


@dataclass(slots=True)
class Weather:
    """What a vendor is like now, in shares of what goes wrong. `slowness`: factor of its response times."""

    silent: float = 0.01
    late: float = 0.005
    lost: float = 0.01
    busy: float = 0.01
    number_busy: float = 0.0
    refused: float = 0.004
    account: float = 0.0
    away: float = 0.0
    list_away: float = 0.0
    slowness: float = 1.0
    lag: float = 1.5
    early: float = 0.05
    missing: float = 0.1
    doubled: float = 0.1
    failed: float = 0.03
    contradicted: float = 0.02
    """Reported as delivered, and as failed after that: one person's several devices."""


class Outages:
    """When a vendor answered nobody, and who asked it for something meanwhile.

    Looks at its lists do not count: each number has its own pace for them, and they open no circuit breaker.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._begun: float | None = None
        self.asks: dict[tuple[str, float], list[float]] = defaultdict(list)
        """When, by process and beginning of the outage."""
        self._sends: dict[tuple[str, float], list[float]] = defaultdict(list)
        self.sent_into: list[tuple[str, float]] = []
        """Who sent something although it knew of the outage, and when."""

    def are(self, *, is_down: bool) -> None:
        self._begun = (self._world.now if self._begun is None else self._begun) if is_down else None

    def asked(self, process: Process) -> None:
        if self._begun is not None:
            self.asks[process.name, self._begun].append(self._world.now)

    def sent(self, process: Process) -> None:
        """Note that a message leaves.

        `_SHOW_IT` failures in a row reveal an outage, once nothing from before it can be answered any more.
        Reads do not count: each number makes its own.
        """
        if self._begun is not None and (now := self._world.now) > self._begun + _KNOWN_AFTER:
            sends = self._sends[process.name, self._begun]
            is_known = len(sends) >= _SHOW_IT and now - sends[_SHOW_IT - 1] > _KNOWN_AFTER
            if is_known and process.frozen_until < sends[0]:
                self.sent_into.append((process.name, now))
            sends.append(now)
        self.asked(process)


CALM = Weather()
STORMS: dict[str, Weather] = {
    "down": Weather(away=1.0, list_away=1.0),
    "sends down": Weather(lost=0.5, silent=0.5, list_away=0.0),
    "silent": Weather(silent=0.6, lost=0.2, list_away=0.2),
    "throttled": Weather(busy=0.6),
    "busy number": Weather(number_busy=0.3, failed=0.2),
    "late effects": Weather(late=0.4, missing=0.5),
    "late lists": Weather(silent=0.3, lag=_LONGEST_LAG),
    "refuses": Weather(refused=0.3),
    "refuses us": Weather(account=0.8),
    "slow": Weather(slowness=20.0, silent=0.1),
    "reports lost": Weather(missing=0.9, silent=0.2),
    "reports odd": Weather(early=0.6, doubled=0.6, failed=0.2, contradicted=0.3),
}
_REFUSALS = (("63003", "no such address"), ("21610", "blocked"), ("63016", "outside the window"))
_FAILURES = ("63018", "63016", "63003", "63033", "30008")


class Twilio:
    """The vendor. `reports(taken, params)` brings a delivery report to our door."""

    def __init__(self, world: World, reports: Callable[[Taken, dict[str, str]], None]) -> None:
        self.world, self._reports = world, reports
        self.weather = CALM
        self.clock = world.random.choice((0.0, 0.0, -2.0, 2.0))
        self.ledger: list[Taken] = []
        self.departed: list[float] = []
        self.refused: set[str] = set()
        self.outages = Outages(world)
        self.shows_until, self._lagged_at = float("inf"), -_BETWEEN_LAGS
        self.written: Callable[[], list[Written]] = list

    def turns(self, weather: Weather) -> None:
        self.weather = weather
        self.outages.are(is_down=weather.away == 1.0)

    def lag(self, seconds: float) -> None:
        """Have the list show nothing new for a while: it is read from a copy that has fallen behind."""
        if self.world.now - self._lagged_at >= _BETWEEN_LAGS:
            self.shows_until = self._lagged_at = self.world.now
            self.world.note("list lags", f"{seconds:.1f}")
            self.world.after(seconds, lambda: setattr(self, "shows_until", float("inf")))

    def take(self, message: OutgoingMessage, departed: float, process: Process) -> Taken:
        chance, weather = self.world.random, self.weather
        taken = Taken(
            sid=f"MM{len(self.ledger) + 1:032x}",
            own_id=message.own_id,
            to=message.to,
            body=message.body or "plantilla",
            created=self.world.now,
            departed=departed,
            by=process.name,
            shown_from=self.world.now + chance.random() * weather.lag,
            content=dict(message.template_variables) if message.template_id else None,
        )
        taken.is_repeat = any(
            each.to == taken.to and each.body == taken.body and each.came_back for each in self.ledger
        )
        self.ledger.append(taken)
        self.world.note("taken", taken.own_id, taken.to, taken.body[:40].replace("\n", " "))
        self._report_later(taken)
        return taken

    def _report_later(self, taken: Taken) -> None:
        chance, weather = self.world.random, self.weather
        at = 0.0 if chance.random() < weather.early else 0.3
        statuses = ["sent", "delivered", "read"]
        if chance.random() < weather.failed:
            statuses = ["sent", chance.choice(["failed", "undelivered"])]
        elif chance.random() < weather.contradicted:
            statuses = ["sent", "delivered", "failed"]
        if chance.random() < 0.1:
            chance.shuffle(statuses)
        for status in statuses:
            at += chance.random() * (0.01 if chance.random() < weather.early else 3.0)
            params = {"MessageSid": taken.sid, "MessageStatus": status, "From": SENDER, "To": taken.to}
            if status in ("failed", "undelivered"):
                params["ErrorCode"] = chance.choice(_FAILURES)
            times = 0 if chance.random() < weather.missing else 2 if chance.random() < weather.doubled else 1
            for _ in range(times):
                self.world.after(at, lambda params=params: self._report(taken, params))  # type: ignore[misc]

    def _report(self, taken: Taken, params: dict[str, str]) -> None:
        if params["MessageStatus"] in ("delivered", "read"):
            taken.is_delivered = True
        taken.came_back = taken.came_back or ("ErrorCode" in params and not taken.is_delivered)
        self._reports(taken, params)

    def inbound(self) -> list[ListedMessage]:
        """Return what clients wrote as lists show it by now, newest first."""
        shown_until = min(self.shows_until, self.world.now - _INBOUND_LAG)
        return [
            ListedMessage(
                sid=each.sid,
                to=SENDER,
                from_=each.sender,
                body=each.body,
                is_inbound=True,
                status="received",
                created=self.world.datetime(each.at - self.world.now + self.clock).replace(microsecond=0),
            )
            for each in reversed(self.written())
            if each.at <= shown_until
        ]

    def listed(self, since: datetime, to: str | None) -> Listing:
        shown = [
            ListedMessage(
                sid=each.sid,
                to=each.to,
                from_=SENDER,
                body=each.body,
                is_inbound=False,
                status="sent",
                created=self.world.datetime(each.created - self.world.now + self.clock).replace(
                    microsecond=0
                ),
            )
            for each in reversed(self.ledger)
            if each.shown_from <= self.world.now
            and each.created <= self.shows_until
            and (to is None or each.to == to)
        ]
        as_of = self.world.datetime(self.clock).replace(microsecond=0)
        return Listing(messages=tuple(each for each in shown if each.created >= since), as_of=as_of)


class Messenger:
    """A process's client of Twilio; see `clients.messenger.Messenger`."""

    vendor = "twilio"

    def __init__(self, twilio: Twilio, process: Process) -> None:
        self._twilio, self._process = twilio, process

    async def send(self, message: OutgoingMessage, may_leave: Callable[[], bool]) -> Accepted:
        """Send, perhaps after making a connection. The request leaves in one step, or not at all."""
        twilio, process, world = self._twilio, self._process, self._twilio.world
        chance, weather = world.random, twilio.weather
        if chance.random() < _CONNECTS:
            await asyncio.sleep(chance.random() * _CONNECT_SECONDS)
        if not may_leave():
            world.counts["sends withheld"] += 1
            raise Withheld("held up on its way to the socket")
        departed = world.now
        world.note("sending", message.own_id, process.name)
        twilio.departed.append(departed)
        twilio.outages.sent(process)
        fate = self._fate()
        world.counts[f"fault: twilio {fate}"] += fate != "accepted"
        if fate == "away":
            await asyncio.sleep(chance.random() * 0.2)
            raise RetryableError("twilio", "no connection: ClientConnectorError")
        answer: asyncio.Future[Accepted] = process.loop.create_future()
        there = weather.slowness * (0.02 + chance.random() * 0.15)
        there = min(there, _READ_SECONDS * 0.9)
        if fate == "late":
            there = _LONGEST_IN_ITS_HANDS * chance.random()

        def settle(result: Accepted | Exception) -> None:
            if process.is_alive and not answer.done():
                if isinstance(result, Exception):
                    answer.set_exception(result)
                else:
                    answer.set_result(result)

        def arrive() -> None:
            if fate == "late":
                twilio.take(message, departed, process)
                return
            back = weather.slowness * (0.02 + chance.random() * 0.1)
            if fate in ("accepted", "silent"):
                taken = twilio.take(message, departed, process)
                is_cut = fate == "silent" or "twilio" in process.cut_off or there + back > _READ_SECONDS
                if not is_cut:
                    world.after(back, lambda: process.answered("send"))
                    world.after(back, lambda: settle(Accepted(taken.sid, "queued", taken.body)))
                    return
            if fate in ("accepted", "silent", "lost"):
                gives_up = chance.choice((back, _READ_SECONDS - there))
                code = 500 if fate != "accepted" and chance.random() < 0.3 else None
                error = UnknownOutcome("twilio", "broke off", code)
                world.after(max(0.0, back if code else gives_up), lambda: settle(error))
                return
            if fate == "refused":
                twilio.refused.add(message.own_id)
            world.after(back, lambda: settle(self._error(fate)))

        if fate == "late":
            world.after(chance.random() * 2.0, lambda: settle(UnknownOutcome("twilio", "broke off")))
        world.after(there, arrive)
        try:
            return await answer
        except asyncio.CancelledError:
            if process.is_alive and not process.is_draining:
                world.violated(f"a request for {message.own_id} was cut off by {process.name}")
            raise

    def _fate(self) -> str:
        chance, weather = self._twilio.world.random, self._twilio.weather
        if "twilio" in self._process.cut_off or chance.random() < weather.away:
            return "away" if chance.random() < 0.7 else "lost"
        for fate in ("silent", "late", "lost", "busy", "number_busy", "refused", "account"):
            if chance.random() < getattr(weather, fate):
                return fate
        return "accepted"

    def _error(self, fate: str) -> Exception:
        chance = self._twilio.world.random
        if fate == "busy":
            return RetryableError("twilio", "too many requests", 429, chance.choice((None, 1.0)))
        if fate == "account":
            return AccountRefused("twilio", "the account is suspended", 20003)
        if fate == "number_busy":
            return NumberBusy("twilio", "too many to one person", 63018)
        code, why = chance.choice(_REFUSALS)
        return TerminalError("twilio", why, int(code))

    async def sent_since(self, since: datetime, to: str | None = None) -> Listing:
        found: Listing = await self._read("list", lambda: self._twilio.listed(since, to))
        return found

    async def listed(self, since: datetime, until: datetime, direction: str) -> AsyncIterator[ListedMessage]:
        def look() -> list[ListedMessage]:
            found = (
                self._twilio.inbound()
                if direction == "inbound"
                else self._twilio.listed(since, None).messages
            )
            return [each for each in found if since <= each.created <= until]

        for each in await self._read("list", look):
            yield each

    async def files(self, sid: str) -> list[MessageFile]:
        return []

    async def find_sent(
        self, to: str, body: str | None, not_before: datetime, known_sids: Set[str]
    ) -> list[ListedMessage]:
        listing = await self.sent_since(not_before, to)
        return candidates(listing.messages, to, body, known_sids)

    async def _read(self, what: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401
        world, weather = self._twilio.world, self._twilio.weather
        chance = world.random
        await asyncio.sleep(min(_READ_SECONDS, weather.slowness * (0.02 + chance.random() * 0.1)))
        if "twilio" in self._process.cut_off or chance.random() < max(weather.list_away, 0.01):
            world.counts["fault: twilio list"] += 1
            raise RetryableError("twilio", "no answer")
        found = do()
        await asyncio.sleep(min(_READ_SECONDS, weather.slowness * (0.02 + chance.random() * 0.1)))
        return found

    def typing(self, sid: str) -> AbstractContextManager[None]:
        return nullcontext()

    def classify(self, code: int | str | None) -> Verdict:
        return classify(code)


@dataclass(slots=True)
class ElevenLabs:
    """The vendor. `asked`: each heard question's marks; `mood`: calm, slow, down, refuses, refuses us."""

    world: World
    mood: str = "calm"
    asked: list[tuple[float, str, tuple[str, ...]]] = field(default_factory=list)
    outages: Outages = field(init=False)

    def __post_init__(self) -> None:
        self.outages = Outages(self.world)

    def turns(self, mood: str) -> None:
        self.mood = mood
        self.outages.are(is_down=mood == "down")


class Agent:
    """A process's client of ElevenLabs: the agent and the calls."""

    def __init__(self, vendor: ElevenLabs, process: Process) -> None:
        self._vendor, self._process = vendor, process

    def prepare(self, agent_id: str) -> None:
        """Do nothing: there is nothing to prepare here."""

    async def ask(self, question: Question) -> AgentReply:
        vendor, chance = self._vendor, self._vendor.world.random
        question = await question.with_context()
        await question.confirm()
        marks = tuple(MARK.findall(question.text))
        vendor.asked.append((vendor.world.now, question.user_id, marks))
        vendor.outages.asked(self._process)
        vendor.world.note("asked", question.user_id, " ".join(marks), self._process.name)
        mood = "down" if "elevenlabs" in self._process.cut_off else vendor.mood
        draw = chance.random()
        if mood == "down" or draw < 0.03:
            vendor.world.counts["fault: elevenlabs away"] += 1
            await asyncio.sleep(chance.random())
            raise RetryableError("elevenlabs", "HTTP 503", 503, chance.choice((None, 2.0)))
        if mood == "refuses us":
            raise AccountRefused("elevenlabs", "quota exceeded", 401)
        if (mood == "refuses" and draw < 0.5) or draw < 0.035:
            vendor.world.counts["fault: elevenlabs refuses"] += 1
            raise TerminalError("elevenlabs", "HTTP 404", 404)
        await asyncio.sleep((20.0 if mood == "slow" else 2.5) * chance.random())
        count = chance.choice((1, 1, 2, 3))
        text = "\n\n".join(f"[{' '.join(marks)}] r{part}/{count}" for part in range(1, count + 1))
        tools = ("escalate_to_human",) if chance.random() < 0.01 else ()
        return AgentReply(text=text, raw={}, transport="rest", tools=tools)

    async def fetch_call(self, conversation_id: str) -> CallDetails | None:
        vendor, chance = self._vendor, self._vendor.world.random
        await asyncio.sleep(chance.random() * (5.0 if vendor.mood == "slow" else 0.5))
        if vendor.mood == "down" or "elevenlabs" in self._process.cut_off:
            raise RetryableError("elevenlabs", "HTTP 503", 503)
        if chance.random() < 0.3:
            return None
        return CallDetails(
            summary="Quiere el plan", duration_secs=61, transcript=[], dynamic_variables={}, status="done"
        )


class Backend:
    """The backend's door for our posts, as a process's `aiohttp` session. `told`: event ids in order."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: list[str] = []

    def session(self, process: Process) -> Any:  # noqa: ANN401
        @asynccontextmanager
        async def post(url: str, *, headers: dict[str, str], **_: object) -> AsyncIterator[Any]:
            chance = self.world.random
            await asyncio.sleep(chance.random() * 0.2)
            draw = chance.random()
            if draw > 0.1:
                self.told.append(headers["X-Event-Id"])
                self.world.note("backend", headers["X-Event-Id"])
            if draw < 0.15:
                raise TimeoutError
            yield SimpleNamespace(status=200)

        return SimpleNamespace(post=post)


def key_of(address: str) -> str:
    return conversation_key(address)
