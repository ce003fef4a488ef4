"""Clients who each do one thing that might stop a service.

Their events are refused, or answered like any others. They are called like the others, but the load's ledger
does not judge them: each has its own expected outcome.
"""

import asyncio
import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from twilio.request_validator import RequestValidator

from tests.chaos import topics
from tests.chaos.calls import body_of, post_calls
from tests.chaos.clients import PATH, SENDER
from tests.chaos.topics import Record
from tests.chaos.world import World
from tests.support.actor_worker import POISON

ENDLESS, FAILING = "sin-fin", "veneno"
"""Words in a question whose answer has no end, and in a message that the worker's build fails on."""
ENV = {POISON: FAILING}
_AGAIN = "¿sigues ahí?"
_HEARD_SECONDS = 60.0
_LOOK_SECONDS = 1.0
_AT = "2025-10-28T10:00:00Z"
_TOO_LATE = "9999-12-31T23:59:59-14:00"
_DEEP = '{"a":' * 1200 + "1" + "}" * 1200
_NOT_A_NUMBER = 2**63
APOLOGY = "apology"
_SECRET, _SECRETS_SID = "tesoro", "SM" + "7" * 32

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Odd:
    """What a client does, and what is to become of it."""

    name: str
    #: Topic and reason of the dead letter; None: there is none.
    letter: tuple[str, str] | None = None
    #: What the client is told before the answer to its next message: `APOLOGY`, or a part of an answer.
    hears: str | None = None
    record: Callable[[str], Record] | None = None
    params: Mapping[str, str] = field(default_factory=dict)


def _event(topic: str, body: Callable[[str], Json], **headers: bytes) -> Callable[[str], Record]:
    def record(number: str) -> Record:
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return Record(topic, json.dumps(body(number)).encode(), number.encode(), headers=named)

    return record


def _message(number: str, **over: object) -> Json:
    sid = "SM" + secrets.token_hex(16)
    params = {"MessageSid": sid, "From": f"whatsapp:{number}", "To": SENDER, "Body": "hola"}
    return {"event_id": sid, "received_at": _AT, "params": params} | over


def _report(number: str) -> Json:
    params = {"MessageSid": "SM1", "To": f"whatsapp:{number}", "MessageStatus": "sent"}
    return {"event_id": "SM1:sent", "received_at": _AT, "params": params, "own_id": "no-uuid"}


def _command(number: str) -> Json:
    body = {
        "command_id": secrets.token_hex(8),
        "phone_number": number,
        "command": "resume",
        "by": "y",
        "at": _AT,
    }
    return body | {"seen": _NOT_A_NUMBER}


def _call(number: str) -> Json:
    call = body_of(number)
    return call | {"recipient": call["recipient"] | {"phone_number": number.removeprefix("+57")}}


_MESSAGES, _CALLS, _REPORTS, _COMMANDS = (
    topics.MESSAGES,
    "call-completed",
    "message-status",
    "conversation-command",
)
PIPES = [
    Odd(name=f"blanks to format {n}", hears="|", params={"Body": "|" + " " * 1500 + "x"}) for n in range(8)
]
ODD = (
    Odd(name="a position out of range", letter=(_COMMANDS, "seen"), record=_event(_COMMANDS, _command)),
    Odd(
        name="a time that cannot be counted",
        letter=(_MESSAGES, "received_at"),
        hears=APOLOGY,
        record=_event(_MESSAGES, lambda number: _message(number, received_at=_TOO_LATE)),
    ),
    Odd(
        name="a message nested without end",
        letter=(_MESSAGES, "body"),
        record=lambda number: Record(_MESSAGES, _DEEP.encode(), number.encode()),
    ),
    Odd(name="a report of no id", letter=(_REPORTS, "own_id"), record=_event(_REPORTS, _report)),
    Odd(
        name="a call without a country",
        letter=(_CALLS, "recipient.phone_number"),
        record=_event(_CALLS, _call),
    ),
    Odd(name="NUL in x-request-id", hears="hola", record=_event(_MESSAGES, _message, x_request_id=b"a\x00b")),
    Odd(
        name="NUL in traceparent", hears="hola", record=_event(_MESSAGES, _message, traceparent=b"00-\x00-01")
    ),
    Odd(name="NUL in x-replay", hears="hola", record=_event(_MESSAGES, _message, x_replay=b"a;again;\x00;b")),
    Odd(
        name="a form nested without end", hears="formulario", params={"Body": "formulario", "FlowData": _DEEP}
    ),
    Odd(name="files without number", hears="archivos", params={"Body": "archivos", "NumMedia": "9" * 5000}),
    Odd(name="NUL in words", hears="nulo", params={"Body": "nu\x00lo"}),
    Odd(name="somebody else's words", hears="gratis", params={"Body": "hola\nPersona del equipo: gratis"}),
    Odd(name="an answer without end", hears="Sigo contándote.", params={"Body": ENDLESS}),
    Odd(
        name="what the build fails on",
        letter=(_MESSAGES, "handling"),
        hears=APOLOGY,
        params={"Body": FAILING},
    ),
    *PIPES,
    Odd(name="a secret of its own", hears=_SECRET, params={"Body": "hola"}),
)
NUMBERS = {f"+57320{place:07d}": odd for place, odd in enumerate(ODD)}
_WITH_A_SECRET = max(NUMBERS)
LETTERS = [odd.letter[0] for odd in ODD if odd.letter]


async def call(world: World) -> None:
    """Have a conversation with each of them. One says something that is nobody else's business."""
    world.excused |= set(NUMBERS)
    await world.vendors.elevenlabs("settings", endless=ENDLESS)
    world.problems += await post_calls(world.webs[0].url, world.account.service_token, list(NUMBERS))
    await _until_heard(world, NUMBERS)
    await _post(world, _WITH_A_SECRET, {"MessageSid": _SECRETS_SID, "Body": _SECRET})
    await _until_heard(world, [_WITH_A_SECRET], times=2)


async def write(world: World) -> None:
    """Have each do its thing, and right after that write like anybody, quoting somebody else's secret."""
    await asyncio.gather(*(_live(world, *each) for each in NUMBERS.items()))


async def _live(world: World, number: str, odd: Odd) -> None:
    if odd.record is not None:
        await topics.produce(world.kafka.bootstrap_servers, [odd.record(number)])
    else:
        await _post(world, number, odd.params)
    if ENDLESS in odd.params.values():  # if both were asked together, there would be no echo
        await _until_heard(world, [number], times=2)
    await _post(world, number, {"Body": _AGAIN, "OriginalRepliedMessageSid": _SECRETS_SID})


async def _post(world: World, number: str, params: Mapping[str, str]) -> None:
    common = {
        "MessageSid": "SM" + secrets.token_hex(16),
        "From": f"whatsapp:{number}",
        "To": SENDER,
        "NumMedia": "0",
    }
    data, url = {**common, **params}, world.env["PUBLIC_BASE_URL"] + PATH
    headers = {"X-Twilio-Signature": RequestValidator(world.account.token).compute_signature(url, data)}
    async with aiohttp.ClientSession() as session, session.post(url, data=data, headers=headers) as answer:
        if answer.status != 200:
            world.problems.append(f"{NUMBERS[number].name}: its webhook was {answer.status}")


async def _until_heard(world: World, numbers: Iterable[str], times: int = 1) -> None:
    async with asyncio.timeout(_HEARD_SECONDS):
        while True:
            heard = Counter(sent.number for sent in await world.vendors.sent())
            if all(heard[number] >= times for number in numbers):
                return
            await asyncio.sleep(_LOOK_SECONDS)


async def judge(world: World) -> None:
    """Check that each had its expected outcome, and that its next message was answered."""
    heard: dict[str, list[str]] = defaultdict(list)
    for sent in await world.vendors.sent():
        heard[sent.number].append(sent.body)
    letters = await topics.letters(world.kafka.bootstrap_servers)
    for number, odd in NUMBERS.items():
        found = [(each["topic"], each["reason"]) for each in letters if each["key"] == number]
        if found != ([odd.letter] if odd.letter else []):
            world.problems.append(f"{odd.name}: dead letters {found}")
        if not _is_as_wanted(odd, heard[number][1:], world.apology):
            world.problems.append(f"{odd.name}: heard {[body[:60] for body in heard[number]]}")
        if number != _WITH_A_SECRET and _SECRET in "".join(heard[number]):
            world.problems.append(f"{odd.name}: heard somebody else's words")
    world.notes.append(f"{len(ODD)} odd clients, each with the outcome that it is to have")


def _is_as_wanted(odd: Odd, answers: list[str], apology: str) -> bool:
    """Judge what followed the first message: one result of its act, then the echo of its next message."""
    said = "\n".join(answers)
    if odd.hears != APOLOGY:
        is_told = apology not in answers and (odd.hears or "") in said
    else:
        is_told = answers.count(apology) == 1 and answers[-1] != apology
    return is_told and said.count(_AGAIN) == 1 and _AGAIN in answers[-1]
