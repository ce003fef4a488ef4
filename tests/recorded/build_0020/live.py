"""What the running processes bring about: conversations that are over, waiting, or cut off by a crash."""

import base64
import json
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer
from people import Person, call_id, sid
from world import World

BATCH = "btcal_recorded"
_PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
_SENT = (
    "SELECT count(*) >= $2 FROM conversation_messages m"
    " JOIN conversation_state s ON s.id = m.conversation_id "
)
_SENT += "WHERE s.phone_number = $1"
_STATE = "SELECT EXISTS (SELECT 1 FROM conversation_turn WHERE phone_number = $1 AND state = $2)"
_QUIET_BEGAN, _QUIET_ENDS = timedelta(hours=-1), timedelta(hours=3)
_MADRID = timedelta(hours=1)
PACE_A_MINUTE = 0.2
"""Slow enough that what waits for its slot still waits at the end of the recording."""


def quiet_hours() -> str:
    """Return hours at which it is night in Spain, and in no American time zone."""
    there = datetime.now(UTC) + _MADRID
    return f"{there + _QUIET_BEGAN:%H:%M}-{there + _QUIET_ENDS:%H:%M}"


def body(
    person: Person, place: int = 1, batch: str | None = None, status: str = "completed"
) -> dict[str, object]:
    """Return what the backend tells of a call."""
    identity = call_id(person, place)
    recipient = {"phone_number": person, "conversation_id": identity, "id": f"rcpt_{place}", "status": status}
    metadata = {"client_name": "Ana García", "client_id": 42, "group_id": 5, "group_name": "Campaña Octubre"}
    names = {"agent_id": "agent_ventas", "agent_name": "Valeria", "batch_name": "Llamada de octubre"}
    return {**names, "batch_id": batch, "recipient": recipient, "call_metadata": metadata}


class Live:
    """`written`: how many messages each number has written."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.written: dict[str, int] = {}

    async def call(self, person: Person, place: int = 1, **over: str) -> int:
        answer = await self.world.api("POST", "/api/call-completed", **body(person, place, **over))
        return answer.status_code

    async def write(self, person: Person, text: str, **over: object) -> str:
        place = self.written[person] = self.written.get(person, 0) + 1
        identity = sid(person, place)
        await self.world.steer("twilio", "inbound", **{"from": person, "body": text, "sid": identity, **over})
        return identity

    async def said(self, person: Person, messages: int) -> None:
        """Wait until a conversation has so many messages."""
        await self.world.until_true(_SENT, person, messages)

    async def tell(self, person: Person, command: str, **options: str) -> None:
        path = f"/api/conversations/{person}/commands"
        answer = await self.world.api("POST", path, command=command, by=options.pop("by", "Ana"), **options)
        assert answer.is_success, answer.text

    async def chat(self, person: Person, *texts: str) -> None:
        """A call, and an answer to each of these messages."""
        assert await self.call(person, batch=BATCH + person[-2:]) == 200
        for place, text in enumerate(texts, 1):
            await self.write(person, text)
            await self.said(person, 1 + 2 * place)


async def finished(live: Live) -> None:
    """Conversations in which nothing is open."""
    world = live.world
    await live.chat(Person.FINISHED, "¿Cuánto cuesta?", "Gracias")
    await live.write(Person.FINISHED, "", media=[{"content_type": "image/png", "base64": _PNG}])
    await live.said(Person.FINISHED, 7)
    await live.write(Person.FINISHED, "¿Esto?", quote=sid(Person.FINISHED, 1))
    await live.said(Person.FINISHED, 9)
    await world.steer("elevenlabs", "settings", manner="long")
    await live.chat(Person.LONG)
    await live.write(Person.LONG, "Cuéntame todo")
    await live.said(Person.LONG, 4)
    await world.steer("elevenlabs", "settings", manner="normal")
    await live.chat(Person.CALLED_TWICE, "hola")
    await live.call(Person.CALLED_TWICE, 2, batch=BATCH)
    await live.said(Person.CALLED_TWICE, 4)
    await live.tell(Person.CALLED_TWICE, "close")
    await live.chat(Person.AGENT_CHANGED, "hola")
    await live.tell(Person.AGENT_CHANGED, "change_agent", agent_id="agent_soporte", by="Luis")
    await world.steer("elevenlabs", "settings", tools={"adiós": "end_call"})
    await live.chat(Person.AGENT_ENDED, "adiós")
    unfinished = {"conversation_id": call_id(Person.WITHOUT_DETAILS), "processing_seconds": 86_400}
    await world.steer("elevenlabs", "calls", **unfinished)
    await live.chat(Person.WITHOUT_DETAILS)


async def with_a_person(live: Live) -> None:
    """Conversations that a person looks after, or has looked after."""
    for person in (Person.ESCALATED, Person.RESUMED):
        await live.chat(person, "hola")
        await live.write(person, "asesor")
        await live.said(person, 5)
        await live.write(person, "¿Hay alguien?")
        await live.said(person, 6)
        await live.tell(person, "write", text="Soy Ana, ¿en qué le ayudo?")
        await live.said(person, 7)
    await live.tell(Person.RESUMED, "resume", by="Luis")


async def without_messages(live: Live) -> None:
    """Numbers that want no messages, that get none, or whose messages nobody answers."""
    world = live.world
    for person in (Person.STOPPED, Person.STARTED_AGAIN):
        await live.chat(person, "hola")
        await live.write(person, "STOP")
        await live.said(person, 5)
    assert await live.call(Person.STOPPED, 2) == 409
    await live.write(Person.STARTED_AGAIN, "ALTA")
    await live.said(Person.STARTED_AGAIN, 7)
    await live.chat(Person.BLOCKED)
    await world.steer("twilio", "numbers", number=Person.BLOCKED, error_code=21610, when="sync")
    await live.write(Person.BLOCKED, "hola")
    await world.until_true(
        "SELECT count(*) > 0 FROM conversation_suppression WHERE phone_number = $1", Person.BLOCKED
    )
    await world.steer("twilio", "numbers", number=Person.REFUSED, error_code=21608, when="sync")
    assert await live.call(Person.REFUSED) == 422
    await live.call(Person.SKIPPED, status="voicemail")
    await live.chat(Person.ERASED, "mi secreto")
    await live.tell(Person.ERASED, "erase")
    await live.write(Person.UNANSWERED, "¿Quién es?")
    unanswered = (
        "SELECT count(*) > 0 FROM conversation_input WHERE phone_number = $1 AND state = 'unanswered'"
    )
    await world.until_true(unanswered, Person.UNANSWERED)


async def by_operators(live: Live) -> None:
    """A replay, a message that came late, letters that could not be read."""
    world = live.world
    await live.chat(Person.REPEATED, "otra vez")
    again = ("--mode", "again", "--number", Person.REPEATED, "--yes")
    await world.run("replay", "inbound-message", "--since", "1h", *again)
    await live.said(Person.REPEATED, 4)
    await live.chat(Person.LATE)
    await live.write(Person.LATE, "primero", times=0, seconds_ago=2)
    await live.write(Person.LATE, "segundo")
    await live.said(Person.LATE, 3)
    await world.run("backfill", "--since", "1h")
    await live.said(Person.LATE, 5)
    async with AIOKafkaProducer(bootstrap_servers=world.kafka.bootstrap_servers) as producer:
        for value in (b"{", json.dumps(body(Person.FINISHED, 9) | {"agent_id": ""}).encode()):
            await producer.send_and_wait("call-completed", value, str(Person.FINISHED).encode())
    await world.until(lambda: _has_letters(world, 3), 60.0, "dead letters")


async def _has_letters(world: World, count: int) -> bool:
    found = (await world.api("GET", "/api/dead-letters")).json()
    return len(found["dead_letters"]) >= count


async def waiting(live: Live) -> None:
    """What waits for its time: the campaign's pace, the morning, the call of an unknown number."""
    await live.call(Person.CALLED_TWICE, 3, batch=BATCH)  # the campaign's slot goes to this one
    for person in (Person.PACED, Person.SPARED):
        await live.call(person, batch=BATCH if person is Person.PACED else "otra")
        await live.world.until_true(f"{_STATE[:-1]} AND due_at > now())", person, "begun")
    for person, texts in {
        Person.UNKNOWN: ("¿Hola?", "¿Me llamaron?"),
        Person.UNKNOWN_STOP: ("STOP",),
    }.items():
        for place, text in enumerate(texts, 1):
            await live.write(person, text)
            parked = (
                "SELECT count(*) >= $2 FROM conversation_input WHERE phone_number = $1 AND state = 'parked'"
            )
            await live.world.until_true(parked, person, place)


async def cut_off(live: Live) -> None:
    """What the worker has in its hands when it is killed."""
    world = live.world
    for person in (Person.ASKING, Person.INTENDED, Person.SENT_UNSEEN):
        await live.chat(person)
    await world.steer("elevenlabs", "faults", hang={"count": 1})
    await live.write(Person.ASKING, "¿Sigues ahí?")
    await world.until_true(_STATE, Person.ASKING, "begun")
    for person, fault in {Person.INTENDED: "reject-hang", Person.SENT_UNSEEN: "accept-hang"}.items():
        await world.steer("twilio", "faults", **{fault: {"count": 1}, "drop-callbacks": {"count": 1}})
        await live.write(person, "¿Y el precio?")
        await world.until_true(_STATE, person, "answered")
    await world.until(lambda: _twilio_has(world, Person.SENT_UNSEEN, 2), 30.0, "Twilio's ledger")
    await world.kill("worker")


async def _twilio_has(world: World, person: Person, count: int) -> bool:
    rows = (await world.http.get(f"{world.urls['twilio']}/_sim/ledger")).json()
    return sum(row["to"] == f"whatsapp:{person}" for row in rows) >= count


async def while_kafka_is_away(live: Live) -> None:
    """What web keeps in Postgres."""
    await live.world.kafka.kill()
    assert await live.call(Person.SPOOLED) == 202
    await live.write(Person.SPOOLED, "hola")
    await live.world.until_true("SELECT count(*) >= 2 FROM conversation_spool WHERE key = $1", Person.SPOOLED)
