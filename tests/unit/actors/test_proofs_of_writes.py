"""A write proves ownership only if it found the partition ours: a stale owner's write is refused."""

from typing import Any

import pytest

from db.store.write import Conflict, Fenced, Result, Written
from mailboxes.ports import KeyWrite, Outcome
from rules import inputs as i
from streams.actors import store as stores
from streams.actors.behaviour import transition
from streams.actors.store import ConversationStore
from streams.actors.values import Actor, Stored
from tests.support.chat import Chat, policy_of

_PARTITION, _BEGAN = 3, 17.0


class _Publication:
    """Publishes nothing."""

    def next_sequence(self, partition: int, epoch: int) -> int:
        return 1

    def begun(self, *_: object) -> None: ...
    def written(self, *_: object) -> None: ...
    def refused(self, *_: object) -> None: ...


_MESSAGE = ("message", "SM1")


def _write() -> KeyWrite[Any]:
    chat = Chat()
    start = chat.state
    chat.write("hola", "SM1")
    writes = (transition(Actor(start, Stored()), i.Recovered(), chat.steps_from(start, 0)),)
    return KeyWrite(start.key, _PARTITION, 7, "0" * 32, writes)


@pytest.mark.parametrize(
    ("result", "outcome", "proofs"),
    [
        (Written(version=1), Outcome.WRITTEN, [(_PARTITION, _BEGAN)]),
        (Conflict(reason="version", version=2), Outcome.CONFLICT, [(_PARTITION, _BEGAN)]),
        (Fenced(epoch=8), Outcome.FENCED, []),
    ],
)
async def test_a_write_proves_what_it_found(
    result: Result, outcome: Outcome, proofs: list[tuple[int, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def append(*_: object) -> list[Result]:
        return [result]

    monkeypatch.setattr(stores, "append", append)
    proved: list[tuple[int, float]] = []
    pool: Any = None
    store = ConversationStore(
        pool, policy_of(), _Publication(), lambda *proof: proved.append(proof), steady=lambda: _BEGAN
    )
    assert await store.append([_write()]) == [outcome]
    assert proved == proofs
    assert store.was_seen(_MESSAGE) == (outcome is Outcome.WRITTEN), "so that it asks nobody again"
