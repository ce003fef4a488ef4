"""Short-lived states of a turn, reached by driving the former build's own journal step by step."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aiokafka.partitioner import murmur2
from live import body
from people import Person, call_id, sid
from streams.conversation.keywords import Keywords
from streams.journal.journal import Begun, Journal, SentBehind
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.journal.turn import Send, Turn
from streams.worker.inputs import message_input

from db.pool import Pool
from schemas.documents import now
from schemas.events import CallCompleted, ConversationCommand, InboundMessage
from schemas.settings import load_settings

Json = dict[str, Any]
_PARTITIONS = 8
_NO = {"error": "Failed to send WhatsApp message", "status": 422}
_SLOW: Json = {"failed": True, "passing": True, "error_code": "63018", "reason": "demasiados mensajes"}
_OUTSIDE: Json = {"failed": True, "outside": True, "error_code": "63016", "reason": "fuera de la ventana"}


class Driver:
    """Does what a worker does, and stops where it is told to."""

    def __init__(self, pool: Pool, journal: Journal) -> None:
        self.pool = pool
        self.journal = journal
        self._keywords = Keywords.of(load_settings({}))
        self._written: dict[str, int] = {}

    async def call(self, person: Person, place: int = 1, **over: Any) -> Begun:  # noqa: ANN401
        call = CallCompleted.from_object(body(person, place))
        return await self.journal.begin_call(
            _partition(person), call, f"req-{call_id(person, place)}", **over
        )

    async def write(self, person: Person, *texts: str, at: datetime | None = None, **params: str) -> Begun:
        inputs = [self._input(person, text, at or now(), params) for text in texts]
        return await self.journal.begin_reply(_partition(person), person, inputs, f"req-{person[-4:]}")

    def _input(self, person: Person, text: str, at: datetime, params: Mapping[str, str]) -> Json:
        place = self._written[person] = self._written.get(person, 0) + 1
        raw = {"From": f"whatsapp:{person}", "Body": text, "NumMedia": "0", **params}
        message = InboundMessage(event_id=sid(person, place), received_at=at, params=raw)
        return message_input(message, self._keywords, f"req-{place}")

    async def command(self, person: Person, command: str, **over: str) -> Begun:
        given = {
            "command_id": str(uuid.uuid4()),
            "phone_number": person,
            "command": command,
            "by": "Ana",
            **over,
        }
        told = ConversationCommand.from_object(given | {"at": now().isoformat()})
        return await self.journal.begin_command(_partition(person), told, None, has_template=False, sure=True)

    async def answer(self, turn: Turn | None, *texts: str, **columns: Any) -> Turn:  # noqa: ANN401
        assert turn is not None
        sends = [Send(own_id=str(uuid.uuid4()), to_address=turn.address, body=text) for text in texts]
        raw = {"text": "\n".join(texts), "transport": "rest", "raw": {}, "ended": False}
        return await self.journal.answer(turn, raw, sends, text="\n".join(texts), seconds=0.4, **columns)

    async def accept(self, turn: Turn, *places: int) -> None:
        for place in places:
            send = turn.sends[place]
            if send.state == "planned":
                await self.journal.intend(turn, send)
            await self.journal.accept(turn, send, f"SM{send.own_id.replace('-', '')}", "queued")

    async def report(
        self,
        turn: Turn,
        place: int,
        status: str,
        rank: int,
        **over: Any,  # noqa: ANN401
    ) -> None:
        own_id = turn.sends[place].own_id
        told = dict.fromkeys(("delivered", "read", "failed", "suppress", "outside", "passing"), False)
        told |= {"own_id": own_id, "sid": f"SM{own_id.replace('-', '')}", "status": status, "rank": rank}
        await self.journal.report(told | {"phone_number": turn.phone_number, "at": now().isoformat()} | over)

    async def begun(self, person: Person) -> None:
        """A call whose first message is delivered."""
        turn = await self.answer((await self.call(person)).turn, "¡Hola Ana! Soy Valeria.")
        await self.accept(turn, 0)
        await self.report(turn, 0, "read", 5, delivered=True, read=True)

    async def asked(self, person: Person, *texts: str) -> Turn:
        """A conversation with a message that waits for its answer."""
        await self.begun(person)
        turn = (await self.write(person, *(texts or ("¿Cuánto cuesta?",)))).turn
        assert turn is not None
        return turn


async def held(d: Driver) -> None:
    """Turns that were put off, and what waits behind them."""
    await d.journal.hold(await d.asked(Person.HELD), 120.0)
    assert (await d.write(Person.HELD, "¿Sigues ahí?", "Contesta")).state == "held"
    assert (await d.command(Person.HELD, "write", text="Soy Ana, ya le atiendo.")).state == "held"
    assert (await d.call(Person.HELD, 2)).state == "held"
    await d.write(Person.HELD, "Gracias por llamar", OriginalRepliedMessageSid=sid(Person.HELD, 1))
    await d.journal.hold(await d.asked(Person.HELD_STOP), 120.0)
    at = now()
    await d.journal.stop_arrived(Person.HELD_STOP, sid(Person.HELD_STOP, 2), at)
    await d.write(Person.HELD_STOP, "STOP", at=at)
    await d.begun(Person.REVIVAL_WAITS)
    failed = await d.answer((await d.write(Person.REVIVAL_WAITS, "hola")).turn, "¡Hola!")
    await d.journal.fail(failed, code="21608", reason="refused", error=_NO, suppress=False)
    await d.begun(Person.REPLAY_WAITS)
    await d.accept(await d.answer((await d.write(Person.REPLAY_WAITS, "hola")).turn, "¡Hola!"), 0)
    for person, replay in {Person.REPLAY_WAITS: "rp_1", Person.REVIVAL_WAITS: None}.items():
        turn = (await d.write(person, "¿Y bien?")).turn
        assert turn is not None
        await d.journal.hold(turn, 120.0)
        assert (
            await d.journal.revive(_partition(person), person, "message", sid(person, 1), replay)
        ).state == "held"


async def begun(d: Driver) -> None:
    """Turns of which nothing is planned."""
    assert (await d.call(Person.CALL_BEGUN)).state == "begun"
    call = (await d.call(Person.CALL_HELD)).turn
    assert call is not None
    await d.journal.hold(call, 60.0)
    await d.begun(Person.REPEATING)
    await d.accept(await d.answer((await d.write(Person.REPEATING, "hola")).turn, "¡Hola!"), 0)
    place = _partition(Person.REPEATING), Person.REPEATING, "message", sid(Person.REPEATING, 1)
    assert (await d.journal.revive(*place, "rp_2")).state == "begun"
    await d.asked(Person.START_ASKED)
    await d.begun(Person.WRITING)
    await d.write(Person.WRITING, "hola")
    await d.accept(await d.answer((await d.write(Person.WRITING)).turn, "¡Hola!"), 0)
    assert (await d.command(Person.WRITING, "write", text="Le escribo yo, Ana.")).state == "begun"
    await d.begun(Person.HANDOFF_BEGUN)
    await d.write(Person.HANDOFF_BEGUN, "asesor")
    turn = await d.asked(Person.FAILED_UNASKED)
    await d.journal.fail(turn, code="404", reason="no such agent", error=_NO, suppress=False)
    await d.begun(Person.STOP_NOTED)
    await d.journal.stop_arrived(Person.STOP_NOTED, sid(Person.STOP_NOTED, 1), now())


async def start_asked(d: Driver) -> None:
    """A number that wanted no messages writes ALTA and a question at once."""
    turn = await d.answer((await d.write(Person.START_ASKED)).turn, "Cuesta 99.")
    await d.accept(turn, 0)
    stopped = await d.answer(
        (await d.write(Person.START_ASKED, "STOP")).turn, "Listo, no te escribiremos más."
    )
    await d.accept(stopped, 0)
    assert (await d.write(Person.START_ASKED, "ALTA", "¿Sigue la oferta?")).turn is not None


async def sending(d: Driver) -> None:
    """Turns that are answered and not sent."""
    turn = await d.answer(await d.asked(Person.PLANNED), "uno", "dos", "tres")
    await d.accept(turn, 0)
    await d.journal.hold(turn, 60.0)
    turn = await d.answer(await d.asked(Person.UNKNOWN_SEND), "uno", "dos")
    await d.journal.hold(turn, 0.0, unknown=True)
    turn = await d.answer(await d.asked(Person.REPORTED_SEND), "uno", "dos")
    known = {"own_id": turn.sends[0].own_id, "sid": f"SM{uuid.uuid4().hex}", "status": "accepted", "rank": 0}
    await d.journal.report(known)
    await d.answer((await d.call(Person.CALL_ANSWERED)).turn, "¡Hola Ana! Soy Valeria.")
    turn = await d.answer(await d.asked(Person.HELD_SEND), "uno", "dos")
    await d.journal.fail(turn, code=None, reason="unknown", error=_NO, suppress=False, send_state="held")
    await d.accept(await d.answer(await d.asked(Person.WRITTEN), "Cuesta 99."), 0)
    written = (await d.command(Person.WRITTEN, "write", text="Le escribo yo, Ana.")).turn
    await d.answer(written, "Le escribo yo, Ana.")
    turn = await d.answer(await d.asked(Person.EARLY_REPORT), "uno")
    await d.report(turn, 0, "delivered", 4, own_id=None, sid="SM" + "e" * 32, delivered=True)


async def come_back(d: Driver) -> None:
    """Messages that Twilio took and could not deliver."""
    for person in (Person.OUTSIDE, Person.OUTSIDE_BEGUN):
        turn = await d.answer(await d.asked(person), "uno", "dos")
        await d.accept(turn, 0, 1)
        await d.report(turn, 0, "undelivered", 6, **_OUTSIDE)
    assert (
        await d.journal.begin_again(_partition(Person.OUTSIDE_BEGUN), Person.OUTSIDE_BEGUN)
    ).state == "begun"
    for person in (Person.SLOW, Person.SLOW_BEGUN):
        turn = await d.answer(await d.asked(person), "uno", "dos", "tres")
        await d.accept(turn, 0, 1, 2)
        await d.report(turn, 1, "undelivered", 6, **_SLOW)
    assert (await d.write(Person.SLOW_BEGUN, "¿Hola?")).state == "held"
    turn = await d.answer(await d.asked(Person.SAID_AGAIN), "uno", "dos")
    await d.accept(turn, 0, 1)
    await d.report(turn, 1, "undelivered", 6, **_SLOW)
    await d.write(Person.SAID_AGAIN)
    await d.pool.execute(_DUE, Person.SAID_AGAIN)
    await d.answer((await d.write(Person.SAID_AGAIN)).turn, "dos")
    turn = await d.answer(await d.asked(Person.SLOW_REST), "uno", "dos", "tres")
    await d.accept(turn, 0)
    await d.report(turn, 0, "undelivered", 6, **_SLOW)
    try:
        await d.journal.intend(turn, turn.sends[1])
    except SentBehind:
        return
    raise AssertionError("the rest goes out behind what came back")


async def on_rows(d: Driver) -> None:
    """Rows of the backend's own, an erasure that was not told, a replay that was interrupted."""
    await d.pool.execute(_BACKENDS_ROWS, Person.BACKENDS, Person.BACKENDS_CALLED)
    await d.begun(Person.BACKENDS_CALLED)
    await d.asked(Person.ERASED_UNTOLD, "mi secreto")
    await d.accept(await d.answer((await d.write(Person.ERASED_UNTOLD)).turn, "Lo guardo."), 0)
    assert (await d.command(Person.ERASED_UNTOLD, "erase")).state == "done"
    options = {"since": (now() - timedelta(hours=1)).isoformat(), "rate": 100.0}
    await d.pool.execute(_REPLAY, "rp_1", options, {"0": 3})
    # A machine's name is nobody's business.
    await d.pool.execute("UPDATE conversation_owner SET owner = 'worker:1'")


# Instead of waiting for it.
_DUE = "UPDATE conversation_turn SET due_at = now() WHERE phone_number = $1 AND state = 'begun'"

_REPLAY = """INSERT INTO conversation_replay (id, topic, mode, options, positions, published)
VALUES ($1, 'inbound-message', 'again', $2, $3, 2)"""

_BACKENDS_ROWS = """
WITH rows AS (
  INSERT INTO conversation_state\
 (phone_number, client_name, elevenlabs_conversation_id, agent_id, message_count, crm_id)
  SELECT number, 'Luis', 'conv_backend_' || place, 'agent_ventas', 1, 'crm-' || place
  FROM unnest(ARRAY[$1, $2]::text[]) WITH ORDINALITY AS x(number, place) RETURNING id)
INSERT INTO conversation_messages (conversation_id, direction, content, crm_note)
SELECT id, 'outbound', 'Hola, Luis', 'escrito por el CRM' FROM rows"""


def _partition(number: str) -> int:
    return (murmur2(number.encode()) & 0x7FFFFFFF) % _PARTITIONS


async def drive(pool: Pool) -> None:
    """Bring all of them about; nobody else may own a partition meanwhile."""
    ownership = Ownership(pool, "worker:1")
    await ownership.claim(set(range(_PARTITIONS)))
    driver = Driver(pool, Journal(pool, Steps(pool), ownership))
    for story in (held, begun, start_asked, sending, come_back, on_rows):
        await story(driver)
