"""The promise, in thousands of histories: whatever crashes, moves or repeats, a message is answered once."""

import logging
import os
import random
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from db.pool import Pool, create_pool
from db.store.session import SESSION
from schemas.settings import load_settings
from tests.model.comparing import compare
from tests.model.world import NUMBERS, World
from tests.support.chat import fresh
from tests.support.history import POLICIES

_HISTORIES = int(os.environ.get("MODEL_HISTORIES", "2000"))
_SEED = int(os.environ.get("MODEL_SEED") or (1 if os.environ.get("CI") else secrets.randbits(32)))
_MOVES = 30


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the log: a world writes about ten thousand lines."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections as a worker has them."""
    pool = await create_pool(load_settings({}, database_url=database_url), SESSION)
    yield pool
    await pool.close()


async def test_the_promise_holds_over_thousands_of_histories(pool: Pool) -> None:
    ids = fresh()
    for place in range(max(1, _HISTORIES // NUMBERS)):
        seed = _SEED + place
        world = World(pool, POLICIES[seed % len(POLICIES)], ids, random.Random(seed), place)
        try:
            await _holds(world, pool)
        except AssertionError as error:
            error.add_note(f"MODEL_SEED={seed} MODEL_HISTORIES={NUMBERS} plays this world again")
            raise


async def _holds(world: World, pool: Pool) -> None:
    await world.play(_MOVES)
    for number in world.numbers:
        number.judge()
    await compare(pool, world.numbers)
