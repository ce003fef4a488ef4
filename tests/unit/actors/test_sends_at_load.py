"""A number that is loaded again has its newest sends at hand: reports waiting for it were read before."""

from collections.abc import Sequence
from typing import Any

import pytest

from rules.state import Conversation
from streams.actors import store as stores
from streams.actors.store import ConversationStore
from streams.actors.values import Actor, Stored
from tests.support.chat import NUMBER, policy_of


async def test_sends_are_read_for_who_was_loaded_before(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[str]] = []

    async def load(_pool: object, keys: Sequence[str]) -> dict[str, Actor]:
        return {key: Actor(Conversation(key=key), Stored()) for key in keys}

    async def newest_sends(_pool: object, keys: Sequence[str], _most: int) -> list[object]:
        read.append(list(keys))
        return []

    monkeypatch.setattr(stores, "load_actors", load)
    monkeypatch.setattr(stores, "newest_sends", newest_sends)
    nothing: Any = None
    store = ConversationStore(nothing, policy_of(), nothing, lambda *_: None, steady=lambda: 0.0)
    await store.load([NUMBER])
    assert read == []
    await store.load([NUMBER, "+573000000000"])
    assert read == [[NUMBER]]
