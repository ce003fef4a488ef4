"""After an outage, who writes now is answered while others still wait, also if the worker dies then."""

from clients.kafka.producer import partition_of
from tests.integration.actors.conftest import PARTITIONS
from tests.support.actor_worker import ActorWorker, Backend
from tests.support.said import said, until_said
from tests.support.simulators import Simulator

# Of one partition, so that it is read to its end for whoever writes last.
_ALL = [
    number for place in range(200) if partition_of(number := f"+573138539{place:03d}", int(PARTITIONS)) == 0
]
_NUMBERS, _BEHIND_NOBODY = _ALL[:24], _ALL[24]
_BEHIND_OWN = _NUMBERS[-1]
# With the rounds below, more messages than `streams.actors.ahead` lets wait.
_ROUNDS = 10


async def test_who_writes_now_is_answered_before_the_backlog_once_and_in_order(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator, elevenlabs: Simulator
) -> None:
    worker = workers[0]
    worker.env |= {"MAX_IN_FLIGHT": "4"}
    await worker.start()
    everybody = [*_NUMBERS, _BEHIND_NOBODY]
    for number in everybody:
        await backend.call(number, f"conv_{number}")
    for number in everybody:
        await until_said(twilio, "Hola Ana", number)
    assert await worker.stop() == 0
    elevenlabs.steer("settings", {"latency_ms": 700})
    for turn in range(_ROUNDS):
        for number in _NUMBERS:
            await backend.write(number, f"mensaje {turn} de {number}")
    await worker.start()
    await worker.ready()
    for number in (_BEHIND_OWN, _BEHIND_NOBODY):
        await backend.write(number, f"¿hola? soy {number}")
    for number in (_BEHIND_OWN, _BEHIND_NOBODY):
        await until_said(twilio, f"¿hola? soy {number}", number)
    waiting = [each for each in _NUMBERS if f"mensaje {_ROUNDS - 1} de" not in "".join(said(twilio, each))]
    assert len(waiting) > len(_NUMBERS) / 2
    await worker.kill()
    elevenlabs.steer("settings", {"latency_ms": 0})
    await worker.start()
    for number in everybody:
        wanted = [f"mensaje {turn} de {number}" for turn in range(_ROUNDS)] if number in _NUMBERS else []
        wanted += [f"¿hola? soy {number}"] * (number in (_BEHIND_OWN, _BEHIND_NOBODY))
        await until_said(twilio, wanted[-1], number)
        all_of_it = "\n".join(said(twilio, number)[1:])
        assert [all_of_it.count(text) for text in wanted] == [1] * len(wanted)
        assert sorted(wanted, key=all_of_it.index) == wanted
    assert await worker.stop() == 0
