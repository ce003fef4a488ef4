"""Calls and messages through the actor worker, over real topics, to the vendors' ledgers."""

from tests.support.actor_worker import ActorWorker, Backend
from tests.support.said import said, until_said
from tests.support.simulators import Simulator

_NUMBER = "+573138539155"


async def test_a_call_and_a_chat(workers: list[ActorWorker], backend: Backend, twilio: Simulator) -> None:
    await workers[0].start()
    await workers[0].ready()
    await backend.call(_NUMBER, "conv_1")
    await until_said(twilio, "Hola Ana")
    await backend.write(_NUMBER, "¿Cuánto cuesta?")
    await until_said(twilio, "¿Cuánto cuesta?")
    assert len(said(twilio)) == 2
    assert await workers[0].stop() == 0


async def test_killed_while_many_chat_nothing_is_lost_doubled_or_reordered(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator
) -> None:
    await workers[0].start()
    await workers[0].ready()
    numbers = [f"+5731385391{place:02d}" for place in range(20)]
    for number in numbers:
        await backend.call(number, f"conv_{number}")
    for turn in range(5):
        for number in numbers:
            await backend.write(number, f"mensaje {turn} de {number}")
        if turn == 2:
            await workers[0].kill()
            await workers[0].start()
    for number in numbers:
        wanted = [f"mensaje {turn} de {number}" for turn in range(5)]
        await until_said(twilio, wanted[-1], number)
        all_of_it = "\n".join(said(twilio, number)[1:])
        assert [all_of_it.count(text) for text in wanted] == [1] * 5
        assert sorted(wanted, key=all_of_it.index) == wanted
    assert await workers[0].stop() == 0
