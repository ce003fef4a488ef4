"""The number of partitions has changed: the new owner of a number takes up what is open."""

from datetime import timedelta

from db.pool import Pool
from db.store.load import BEGINNING, clock, due_actors, open_actors
from db.store.ownership import claim
from db.store.placement import know_partitions, known_partitions, place_actors
from tests.support.person import Person


async def test_what_is_open_or_due_moves_to_where_its_number_lies(
    pool: Pool, ana: Person, luis: Person
) -> None:
    due = await clock(pool) - timedelta(minutes=1)
    await ana.append(pool, ana.begins(), is_open=True)
    await luis.append(pool, luis.begins(), due_at=due)
    places = {ana.phone: 0, luis.phone: 2}
    assert await place_actors(pool, places.__getitem__) == 1
    assert [each.phone_number for each in await open_actors(pool, 0, "", 9)] == [ana.phone]
    assert [each.phone_number for each in await due_actors(pool, 2, BEGINNING, 9)] == [luis.phone]
    assert await due_actors(pool, 0, BEGINNING, 9) == []
    assert await place_actors(pool, places.__getitem__) == 0


async def test_how_many_partitions_there_were_is_remembered(pool: Pool) -> None:
    assert await known_partitions(pool) == 1, "all the tests' people are in one"
    await know_partitions(pool, 4)
    await know_partitions(pool, 2)
    assert await known_partitions(pool) == 4
    claims = await claim(pool, {3, 4}, "worker")
    assert [each.epoch for each in claims.values()] == [1, 1]
    assert await known_partitions(pool) == 5
