"""A worker that dies at any of a turn's fail points, between any two steps: still answered exactly once."""

import asyncio
from pathlib import Path

from streams.failpoints import POINTS, VARIABLE
from tests.support.actor_worker import ActorWorker, Backend
from tests.support.said import said, until_said
from tests.support.simulators import Simulator

_NUMBER = "+573138539155"
_DEATH_SECONDS = 30.0
# Only a worker that finds an intention of a dead one comes to a look-up.
_OF_LETTERS = {"before-letter", "after-letter"}
_BEFORE = {"after-reconcile": ("after-answer", "after-reconcile")}


async def test_answered_once_wherever_the_worker_dies(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator, tmp_path: Path
) -> None:
    worker, armed = workers[0], tmp_path / "fail-point"
    worker.env |= {VARIABLE: str(armed), "TWILIO_UNKNOWN_PATIENCE_SECONDS": "5"}
    await worker.start()
    await backend.call(_NUMBER, "conv_1")
    await until_said(twilio, "Hola Ana")
    for point in POINTS:
        first, *others = _BEFORE.get(point, (point,))
        armed.write_text(first)
        linked = {"ExternalUserId": f"whatsapp:CO.{point.replace('-', '')}"} if point in _OF_LETTERS else {}
        await backend.write(_NUMBER, f"mensaje {point}", **linked)
        await _dies(worker)
        for other in others:
            armed.write_text(other)
            await worker.start()
            await _dies(worker)
        assert not armed.exists(), point
        await worker.start()
        await until_said(twilio, f"mensaje {point}")
    await worker.ready()
    answers = "\n".join(said(twilio)[1:])
    assert {point: answers.count(f"mensaje {point}") for point in POINTS} == dict.fromkeys(POINTS, 1)
    assert await worker.stop() == 0


async def _dies(worker: ActorWorker) -> None:
    assert worker.process is not None
    async with asyncio.timeout(_DEATH_SECONDS):
        await worker.process.wait()
