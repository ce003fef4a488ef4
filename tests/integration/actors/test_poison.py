"""A message that the build fails on stops nobody; a build that fails on all of them makes no dead letters."""

import asyncio
import json
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.texts import shipped
from schemas.topics import DEAD_LETTER
from tests.support.actor_worker import POISON, ActorWorker, Backend
from tests.support.deadline import eventually
from tests.support.said import said, until_said
from tests.support.simulators import Simulator

_NUMBER, _OTHER = "+573138539155", "+573138539156"
_WORD = "veneno"
_APOLOGY = shipped("es").settings["apology_text"]
_TRIES = 7
_FAILURE = "ZeroDivisionError (actor_worker.py:"
# Many, as streams.actors.judge has it, and some that meet a partition which stands still.
_NUMBERS = [f"+5731385392{place:02d}" for place in range(16)]


async def _letters(env: dict[str, str]) -> list[dict[str, Any]]:
    topic = env["TOPIC_PREFIX"] + DEAD_LETTER
    async with AIOKafkaConsumer(bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"]) as consumer:
        places = [TopicPartition(topic, number) for number in range(int(env["TOPIC_PARTITIONS"]))]
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        found: list[dict[str, Any]] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [json.loads(record.value) for record in records]
        return found


async def _view(worker: ActorWorker, name: str) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.get(f"http://127.0.0.1:{worker.port}/{name}")
        return answer.status_code, answer.json()


async def test_one_message_gets_its_dead_letter_and_its_client_an_apology_in_its_order(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator, env: dict[str, str]
) -> None:
    worker = workers[0]
    worker.env |= {POISON: _WORD}
    await worker.start()
    for number in (_NUMBER, _OTHER):
        await backend.call(number, f"conv_{number}")
        await until_said(twilio, "Hola Ana", number)
    await backend.write(_NUMBER, "mensaje uno")
    await until_said(twilio, "mensaje uno")
    sid = await backend.write(_NUMBER, _WORD)
    await backend.write(_NUMBER, "mensaje tres")
    await backend.write(_OTHER, "hola de otra persona")

    async def is_told() -> bool:
        _, body = await _view(worker, "partitions")
        return any(each["why"].startswith(_FAILURE) for each in body["retried"])

    await eventually(is_told)
    await until_said(twilio, "hola de otra persona", _OTHER)
    await until_said(twilio, "mensaje tres")
    answers = "\n".join(said(twilio)[1:])
    assert answers.count(_APOLOGY) == 1
    assert answers.index("mensaje uno") < answers.index(_APOLOGY) < answers.index("mensaje tres")
    [letter] = await _letters(env)
    assert (letter["topic"], letter["reason"]) == ("inbound-message", "handling")
    assert (letter["details"], letter["tries"]) == ("ZeroDivisionError, 7 times", 7)
    status, ready = await _view(worker, "ready")
    assert (status, ready["standing"]) == (200, [])
    assert await worker.stop() == 0
    assert sid not in answers


async def test_a_build_that_fails_on_everybodys_stands_still_and_the_next_one_answers_them(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator, env: dict[str, str]
) -> None:
    worker = workers[0]
    worker.env |= {POISON: _WORD}
    await worker.start()
    for number in _NUMBERS:
        await backend.call(number, f"conv_{number}")
    await asyncio.gather(*(until_said(twilio, "Hola Ana", number) for number in _NUMBERS))
    first, *others = _NUMBERS
    await backend.write(first, f"{_WORD} de {first}")

    async def is_held_back() -> bool:
        """It has had its tries, and nobody else has written: it may be the build."""
        _, body = await _view(worker, "partitions")
        return any(each["tries"] > _TRIES for each in body["retried"])

    await eventually(is_held_back)
    assert await _letters(env) == []
    await asyncio.gather(*(backend.write(number, f"{_WORD} de {number}") for number in others))

    async def stands_still() -> bool:
        status, ready = await _view(worker, "ready")
        stopped = ready["stopped"]
        return status == 503 and len(stopped) == int(env["TOPIC_PARTITIONS"]) and not ready["ready"]

    await eventually(stands_still, 60)
    _, body = await _view(worker, "partitions")
    assert all(why.startswith(_FAILURE) for why in body["stopped"].values()), body["stopped"]
    assert await _letters(env) == []
    assert await worker.stop() == 0
    mended = workers[1]
    mended.env = {name: value for name, value in env.items() if name != POISON}
    await mended.start()
    await asyncio.gather(*(until_said(twilio, f"{_WORD} de {number}", number) for number in _NUMBERS))
    await mended.ready()
    assert await _letters(env) == []
    assert await mended.stop() == 0
