"""Shared by the store's tests: a pool as the store's users have it, and partition 0."""

from collections.abc import AsyncIterator

import pytest

from db.pool import Pool, create_pool
from db.store.ownership import claim
from db.store.session import SESSION
from schemas.settings import load_settings
from tests.support.person import Person


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections with the store's session settings; partition 0 is claimed at epoch 1."""
    pool = await create_pool(load_settings({}, database_url=database_url), SESSION)
    await claim(pool, {0}, "test")
    yield pool
    await pool.close()


@pytest.fixture
def ana() -> Person:
    return Person()


@pytest.fixture
def luis() -> Person:
    return Person(phone="+573001112233", id=2)
