"""The gateway's application over fakes of what stands behind it, and Twilio's side of a webhook."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp.test_utils import TestClient, TestServer
from twilio.request_validator import RequestValidator

from clients.twilio.api import TwilioApi
from clients.twilio.content import ContentTemplate
from clients.twilio.media import TwilioMedia
from clients.views import StatsView
from db.queries import Query
from schemas.errors import RetryableError, Unavailable
from schemas.settings import Settings, load_settings
from web.app import Collaborators, create_app
from web.health import Health
from web.media import Media
from web.outcomes import CommandOutcome, Outcome

TOKEN = "service-token"
AUTH = {"X-Service-Token": TOKEN}
TWILIO_TOKEN = "12345"
ACCOUNT = "AC" + "0" * 32
PUBLIC = "https://wa.example.com"
NUMBER = "+573138539155"

CONFIGURED = {
    "microservice_token": TOKEN,
    "twilio_auth_token": TWILIO_TOKEN,
    "twilio_account_sid": ACCOUNT,
    "public_base_url": PUBLIC,
    "stats_url": "http://127.0.0.1:9",  # the discard port: nobody answers
    "outcome_wait_seconds": 0.2,
}


@dataclass
class FakePublisher:
    """Publisher that remembers what was published; `away`: neither Kafka nor Postgres takes anything."""

    away: bool = False
    events: list[tuple[str, str, bytes, str]] = field(default_factory=list)

    async def publish(self, topic: str, key: str, value: bytes, request_id: str) -> None:
        if self.away:
            raise Unavailable("Postgres does not answer")
        self.events.append((topic, key, value, request_id))


@dataclass
class FakeOutcomes:
    """Outcomes known before the call (`known`), and after it was published (`later`)."""

    known: dict[str, Outcome] = field(default_factory=dict)
    later: dict[str, Outcome] = field(default_factory=dict)
    away: bool = False

    async def get(self, event_id: str) -> Outcome | None:
        if self.away:
            raise Unavailable("Postgres does not answer")
        return self.known.get(event_id)

    async def wait(self, event_id: str, seconds: float) -> Outcome | None:
        return self.later.get(event_id)


@dataclass
class FakeCommands:
    """Commands' outcomes known before (`known`), and after they were published (`later`)."""

    known: dict[str, CommandOutcome] = field(default_factory=dict)
    later: dict[str, CommandOutcome] = field(default_factory=dict)

    async def get(self, event_id: str) -> CommandOutcome | None:
        return self.known.get(event_id)

    async def wait(self, event_id: str, seconds: float) -> CommandOutcome | None:
        return self.later.get(event_id)


@dataclass
class FakeTemplates:
    """Templates' variables and categories by id; `away`: Twilio does not answer."""

    known: dict[str, dict[str, str]] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)
    away: bool = False

    async def find(self, content_sid: str) -> ContentTemplate | None:
        if self.away:
            raise RetryableError("twilio", "broke off")
        found = self.known.get(content_sid)
        return (
            None
            if found is None
            else ContentTemplate(found, "approved", self.categories.get(content_sid, "UTILITY"))
        )


@dataclass
class FakeRows:
    """Database that gives one row, of these columns, to every question, and remembers the arguments."""

    answer: Any = None
    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def rows(self, query: Query[Any], *arguments: object) -> list[Any]:
        return []

    async def row(self, query: Query[Any], *arguments: object) -> Any:  # noqa: ANN401
        self.asked.append(arguments)
        return None if self.answer is None else query.row(**self.answer)


@dataclass
class Fakes:
    publisher: FakePublisher = field(default_factory=FakePublisher)
    outcomes: FakeOutcomes = field(default_factory=FakeOutcomes)
    commands: FakeCommands = field(default_factory=FakeCommands)
    rows: FakeRows = field(default_factory=FakeRows)
    templates: FakeTemplates = field(default_factory=FakeTemplates)
    letters: Any = None
    states: dict[str, str] = field(
        default_factory=lambda: {
            "database": "connected",
            "kafka": "connected",
            "twilio": "ok",
            "elevenlabs": "ok",
        }
    )

    def health(self) -> Health:
        def probe(name: str) -> Any:  # noqa: ANN401
            async def look() -> str:
                return self.states[name]

            return look

        return Health(
            {name: probe(name) for name in self.states if name != "kafka"}, lambda: self.states["kafka"]
        )


def settings_with(**over: object) -> Settings:
    return load_settings({}, **{**CONFIGURED, **over})


@asynccontextmanager
async def gateway(fakes: Fakes, **over: object) -> AsyncIterator[TestClient[Any, Any]]:
    """Serve the application on loopback."""
    async with aiohttp.ClientSession() as session:
        settings, health = settings_with(**over), fakes.health()
        await health.probe()
        outside = Collaborators(
            publisher=fakes.publisher,
            outcomes=fakes.outcomes,
            commands=fakes.commands,
            letters=fakes.letters,
            database=fakes.rows,
            templates=fakes.templates,
            health=health,
            stats=StatsView(settings, session),
            media=Media(fakes.rows, TwilioMedia(TwilioApi(settings, session))),
        )
        async with TestClient(TestServer(create_app(settings, outside))) as client:
            yield client


def call(conversation_id: str = "conv_1", number: str = NUMBER, **over: object) -> dict[str, Any]:
    """Return the contract's body, as small as it may be."""
    recipient = {"phone_number": number, "conversation_id": conversation_id}
    return {"agent_id": "agent_1", "agent_name": "Ana", "batch_id": "b_1", "recipient": recipient, **over}


def message(sid: str = "SM1", **over: str) -> dict[str, str]:
    """Return Twilio's parameters of a client's message."""
    return {
        "MessageSid": sid,
        "SmsMessageSid": sid,
        "AccountSid": ACCOUNT,
        "From": f"whatsapp:{NUMBER}",
        "To": "whatsapp:+14155238886",
        "Body": "hola",
        "NumMedia": "0",
        "ProfileName": "",
        **over,
    }


def signed(
    path: str, params: Mapping[str, str], base: str = PUBLIC, token: str = TWILIO_TOKEN
) -> dict[str, str]:
    """Return the header that Twilio adds."""
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(base + path, params)}
