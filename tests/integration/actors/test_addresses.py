"""Over real topics and processes: a client with a number and an id is one person, from either address."""

import asyncio
import uuid
from functools import partial
from pathlib import Path

import httpx
import pytest

from db.pool import Pool
from schemas.rows import Json
from streams.failpoints import VARIABLE
from tests.support import http
from tests.support.actor_worker import ActorWorker, Backend
from tests.support.deadline import eventually
from tests.support.said import said, until_said
from tests.support.simulators import Simulator

_NUMBER = "+573138539155"
_USER = "CO.1234567890"
_NEW_NUMBER = "+573138539199"
_PARENT = {"ParentExternalUserId": "whatsapp:CO.ENT.7"}
_BOTH = {"ExternalUserId": f"whatsapp:{_USER}"}
_DEATH_SECONDS = 30.0
# Longer than a hand-over takes on a busy machine, so that the merge comes while the agent thinks.
_SLOW_MS = 4000


async def _state(pool: Pool, key: str) -> Json:
    found = await pool.fetchval("SELECT state FROM conversation_actor WHERE phone_number = $1", key)
    return found or {}


async def _called(worker: ActorWorker, backend: Backend, twilio: Simulator) -> None:
    await worker.start()
    await worker.ready()
    await backend.call(_NUMBER, "conv_1")
    await until_said(twilio, "Hola Ana")


async def test_a_called_client_answers_from_an_id_and_is_answered_at_the_number(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator, pool: Pool
) -> None:
    await _called(workers[0], backend, twilio)
    await backend.write(_USER, "¿quién me llamó?")
    await eventually(lambda: _waits(pool))
    await backend.write(_NUMBER, "soy yo", **_BOTH)
    await until_said(twilio, "soy yo", _NUMBER)
    sid = await backend.write(_USER, "¿y el precio?")
    await backend.write(_USER, "¿y el precio?", sid)
    await until_said(twilio, "¿y el precio?", _NUMBER)
    answers = "\n".join(said(twilio, _NUMBER))
    assert [answers.count(text) for text in ("¿quién me llamó?", "soy yo", "¿y el precio?")] == [1, 1, 1]
    assert answers.index("¿quién me llamó?") < answers.index("soy yo") < answers.index("¿y el precio?")
    assert said(twilio, _USER) == []
    assert (await _state(pool, _USER))["merged_into"] == _NUMBER
    await backend.write(_USER, "STOP")
    await eventually(lambda: _is_suppressed(pool))
    await backend.call(_NUMBER, "conv_2")
    await eventually(lambda: _is_declined(pool, "conv_2"))
    await backend.command(_USER, "erase")
    await eventually(lambda: _is_erased(pool))
    assert await workers[0].stop() == 0


async def _leads_to(pool: Pool, key: str, number: str) -> bool:
    return (await _state(pool, key)).get("merged_into") == number


async def test_who_changes_the_number_is_answered_there_with_the_calls_memory_and_a_stop_counts_at_both(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator, pool: Pool
) -> None:
    await _called(workers[0], backend, twilio)
    await backend.write(_NUMBER, "soy yo", **_BOTH, **_PARENT)
    await until_said(twilio, "soy yo", _NUMBER)
    await backend.write(_NEW_NUMBER, "cambié de número", ExternalUserId="whatsapp:CO.99", **_PARENT)
    await until_said(twilio, "cambié de número", _NEW_NUMBER)
    await backend.write("CO.99", "¿sigue ahí?")
    await until_said(twilio, "¿sigue ahí?", _NEW_NUMBER)
    for key in (_USER, _NEW_NUMBER, "CO.99", "CO.ENT.7"):
        await eventually(partial(_leads_to, pool, key, _NUMBER))
    assert (await _state(pool, _NUMBER))["elevenlabs_conversation_id"] == "conv_1"
    await backend.write(_NEW_NUMBER, "STOP")
    await eventually(lambda: _is_suppressed(pool))
    for number, call in ((_NUMBER, "conv_2"), (_NEW_NUMBER, "conv_3")):
        await backend.call(number, call)
        await eventually(partial(_is_declined, pool, call))
    await backend.command("CO.99", "erase")
    await eventually(lambda: _is_erased(pool))
    assert await workers[0].stop() == 0


async def test_an_id_of_two_numbers_is_in_nobodys_chat_but_its_own(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator, pool: Pool
) -> None:
    await workers[0].start()
    await workers[0].ready()
    for number, call in ((_NUMBER, "conv_1"), (_NEW_NUMBER, "conv_2")):
        await backend.call(number, call)
        await until_said(twilio, "Hola Ana", number)
        await backend.write(number, f"soy {number}", **_BOTH, **_PARENT)
        await until_said(twilio, f"soy {number}", number)
    answered = {number: "\n".join(said(twilio, number)) for number in (_NUMBER, _NEW_NUMBER)}
    assert [_NEW_NUMBER in answered[_NUMBER], _NUMBER in answered[_NEW_NUMBER]] == [False, False]
    links = (await _state(pool, _NEW_NUMBER))["links"]
    assert [link["state"] for link in links] == ["refused", "refused"]
    async with httpx.AsyncClient(verify=http.NO_CERTIFICATES) as client:
        view = (await client.get(f"http://127.0.0.1:{workers[0].port}/partitions")).json()
    assert view["contradicted_addresses_last_hour"] == 2
    assert await workers[0].stop() == 0


async def _waits(pool: Pool) -> bool:
    return bool((await _state(pool, _USER)).get("inbox"))


async def _is_suppressed(pool: Pool) -> bool:
    return [row["phone_number"] for row in await pool.fetch("SELECT * FROM conversation_suppression")] == [
        _NUMBER
    ]


async def _is_declined(pool: Pool, call: str) -> bool:
    found = await pool.fetchval(
        "SELECT outcome FROM conversation_seen WHERE kind = 'call' AND event_id = $1", call
    )
    return bool(found) and found["error"]["status"] == 409


async def _is_erased(pool: Pool) -> bool:
    tables = ("conversation_actor", "conversation_state", "conversation_messages")
    return not [name for name in tables if await pool.fetchval(f"SELECT count(*) FROM {name}")]


@pytest.mark.parametrize("point", ["before-letter", "after-letter", "before-begin", "before-release"])
async def test_killed_at_any_step_of_the_merge_nothing_is_lost_doubled_or_reordered(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator, tmp_path: Path, point: str
) -> None:
    worker, armed = workers[0], tmp_path / "fail-point"
    worker.env |= {VARIABLE: str(armed), "TWILIO_UNKNOWN_PATIENCE_SECONDS": "5"}
    await _called(worker, backend, twilio)
    texts = [f"mensaje {place} {uuid.uuid4().hex}" for place in range(6)]
    for place, text in enumerate(texts):
        armed.write_text(point)
        await backend.write(_USER if place % 2 else _NUMBER, text, **({} if place % 2 else _BOTH))
        if await _dies(worker, of_letter="letter" in point, place=place):
            await worker.start()
        armed.unlink(missing_ok=True)
        await until_said(twilio, text, _NUMBER)
    answers = "\n".join(said(twilio, _NUMBER)[1:])
    assert [answers.count(text) for text in texts] == [1] * len(texts)
    assert sorted(texts, key=answers.index) == texts
    assert said(twilio, _USER) == []
    assert await worker.stop() == 0


async def _adopted(worker: ActorWorker, backend: Backend, twilio: Simulator) -> None:
    """A number was called, and whoever writes from elsewhere is answered without a call."""
    worker.env |= {"UNKNOWN_NUMBER_AGENT_ID": "agent_1", "UNKNOWN_NUMBER_GRACE_SECONDS": "1"}
    await _called(worker, backend, twilio)


async def test_merged_while_the_agent_answers_the_id_the_answer_is_given_at_the_number(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator, elevenlabs: Simulator
) -> None:
    await _adopted(workers[0], backend, twilio)
    elevenlabs.steer("settings", {"latency_ms": _SLOW_MS})
    await backend.write(_USER, "¿quién me llamó?")
    await eventually(lambda: _is_asked(elevenlabs, "¿quién me llamó?"))
    await backend.write(_NUMBER, "soy yo", **_BOTH)
    for text in ("¿quién me llamó?", "soy yo"):
        await until_said(twilio, text, _NUMBER)
    answers = "\n".join(said(twilio, _NUMBER))
    assert [answers.count(text) for text in ("¿quién me llamó?", "soy yo")] == [1, 1]
    assert answers.index("¿quién me llamó?") < answers.index("soy yo")
    assert said(twilio, _USER) == []
    assert await workers[0].stop() == 0


async def _is_asked(elevenlabs: Simulator, text: str) -> bool:
    return any(text in row["text"] for row in elevenlabs.read())


async def test_merged_during_a_send_of_unknown_outcome_that_is_said_once_and_to_its_end(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator, pool: Pool
) -> None:
    await _adopted(workers[0], backend, twilio)
    twilio.steer("faults", {"accept-reset": {"count": 1}})
    await backend.write(_USER, "¿quién me llamó?")
    await eventually(lambda: _is_unknown(pool))
    await backend.write(_NUMBER, "soy yo", **_BOTH)
    await until_said(twilio, "soy yo", _NUMBER)
    await backend.write(_USER, "¿siguen ahí?")
    await until_said(twilio, "¿siguen ahí?", _NUMBER)
    assert ["¿quién me llamó?" in text for text in said(twilio, _USER)] == [True]
    answers = "\n".join(said(twilio, _NUMBER))
    assert [answers.count(text) for text in ("soy yo", "¿siguen ahí?", "¿quién me llamó?")] == [1, 1, 0]
    assert (await _state(pool, _USER))["merged_into"] == _NUMBER
    assert await workers[0].stop() == 0


async def _is_unknown(pool: Pool) -> bool:
    sql = (
        "SELECT count(*) FROM conversation_sends"
        " WHERE phone_number = $1 AND state IN ('intended', 'unknown', 'accepted')"
    )
    return bool(await pool.fetchval(sql, _USER))


# The letters of a change of number: two ids are told, one asks whose it is, the new id hands over, the old
# number grants it, the two ids are led there, the new number hands over.
_LETTERS_OF_A_MOVE = 8


async def test_killed_at_any_step_of_a_change_of_number_nothing_is_lost_doubled_or_left_behind(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator, pool: Pool, tmp_path: Path
) -> None:
    worker, armed = workers[0], tmp_path / "fail-point"
    worker.env |= {VARIABLE: str(armed), "TWILIO_UNKNOWN_PATIENCE_SECONDS": "5"}
    await worker.start()
    await worker.ready()
    for place in range(1, _LETTERS_OF_A_MOVE + 1):
        number, new = f"+5731385391{place:02}", f"+5731385392{place:02}"
        parent = {"ParentExternalUserId": f"whatsapp:CO.ENT.{place}"}
        await backend.call(number, f"conv_{place}")
        await until_said(twilio, "Hola Ana", number)
        await backend.write(number, f"uno {place}", ExternalUserId=f"whatsapp:CO.1{place}", **parent)
        await until_said(twilio, f"uno {place}", number)
        armed.write_text(f"{'after' if place % 2 else 'before'}-letter {place}")
        texts = [f"{each} {uuid.uuid4().hex}" for each in ("dos", "tres", "cuatro")]
        await backend.write(new, texts[0], ExternalUserId=f"whatsapp:CO.2{place}", **parent)
        await backend.write(f"CO.2{place}", texts[1])
        await backend.write(new, texts[2])
        await _dies(worker, of_letter=False, place=0)
        await worker.start()
        for text in texts:
            await until_said(twilio, text, new)
        answers = "\n".join(said(twilio, new))
        assert [answers.count(text) for text in texts] == [1, 1, 1]
        assert answers.index(texts[0]) < answers.index(texts[2]), "of one address"
        for key in (new, f"CO.1{place}", f"CO.2{place}", f"CO.ENT.{place}"):
            await eventually(partial(_leads_to, pool, key, number))
    assert await worker.stop() == 0


async def _dies(worker: ActorWorker, *, of_letter: bool, place: int) -> bool:
    """Wait for its death; a number's later messages tell nobody anything."""
    if of_letter and place and not place % 2:
        return False
    assert worker.process is not None
    async with asyncio.timeout(_DEATH_SECONDS):
        await worker.process.wait()
    return True
