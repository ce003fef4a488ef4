"""Who owns a partition: claims wait for writes under way, and fence the former owner."""

import asyncio
from uuid import uuid4

from db.pool import Pool
from db.queries import load
from db.store.append import append
from db.store.ownership import Claim, claim, prove, release
from db.store.publication import advance
from db.store.write import Fenced, Written
from tests.support.deadline import eventually
from tests.support.person import Person

_WAITING = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"


async def test_a_claim_raises_the_epoch_and_says_where_the_log_stands(pool: Pool, ana: Person) -> None:
    assert await claim(pool, {0, 4}, "a") == {
        0: Claim(partition=0, epoch=2, sequence=0, published=0),
        4: Claim(partition=4, epoch=1, sequence=0, published=0),
    }
    ana.epoch = 2
    write = await ana.append(pool, ana.begins(), events=3)
    newest = write.log[-1].sequence
    await advance(pool, {0: 2}, {0: newest - 1})
    assert await claim(pool, [0], "b") == {
        0: Claim(partition=0, epoch=3, sequence=newest, published=newest - 1)
    }


async def test_sequences_go_on_past_those_that_were_published_and_removed(pool: Pool, ana: Person) -> None:
    write = await ana.append(pool, ana.begins())
    await advance(pool, {0: 1}, {0: write.log[0].sequence + 5})
    await pool.execute("DELETE FROM conversation_log")
    assert (await claim(pool, [0], "b"))[0].sequence == write.log[0].sequence + 5


async def test_what_is_being_written_when_a_claim_comes_is_in_what_it_says(pool: Pool, ana: Person) -> None:
    await ana.append(pool, ana.begins())
    write = ana.write(ana.changes(status="closed"))
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT 1 FROM conversation_state FOR UPDATE")
        appending = asyncio.create_task(append(pool, [write]))
        await eventually(lambda: pool.fetchval(_WAITING))
        claiming = asyncio.create_task(claim(pool, {0}, "b"))
        await eventually(
            lambda: pool.fetchval("SELECT count(*) > 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        )
        assert not claiming.done()
    assert await appending == [Written(version=2)]
    assert (await claiming)[0] == Claim(partition=0, epoch=2, sequence=write.log[0].sequence, published=0)


async def test_a_write_that_waited_for_a_claim_is_fenced_by_it(pool: Pool, ana: Person) -> None:
    async with pool.acquire() as claimant, claimant.transaction():
        await claimant.execute("UPDATE conversation_partition SET epoch = epoch + 1 WHERE partition = 0")
        appending = asyncio.create_task(append(pool, [ana.write(ana.begins())]))
        await eventually(lambda: pool.fetchval(_WAITING))
    assert await appending == [Fenced(epoch=2)]
    assert await pool.fetchval("SELECT count(*) FROM conversation_actor") == 0


async def test_a_claim_that_is_tried_again_does_not_fence_itself(pool: Pool) -> None:
    sql, name = load("store").claim, uuid4()
    epochs = [(await pool.fetchrow(sql, [0], "a", name))["epoch"] for _ in range(3)]
    assert epochs == [2, 2, 2]
    assert (await claim(pool, {0}, "b"))[0].epoch == 3


async def test_a_claim_comes_through_a_steady_stream_of_writes(pool: Pool) -> None:
    people = [Person(phone=f"+5730000000{n:02}", id=n) for n in range(1, 5)]
    for person in people:
        await person.append(pool, person.begins())
    is_claimed = asyncio.Event()

    async def writes(person: Person) -> None:
        while not is_claimed.is_set():
            write = person.write()
            [result] = await append(pool, [write])
            if result == Fenced(epoch=2):
                return
            person.wrote(write)

    async with asyncio.timeout(20.0):
        streams = [asyncio.create_task(writes(person)) for person in people]
        await eventually(lambda: pool.fetchval("SELECT count(*) > 40 FROM conversation_log"))
        assert (await claim(pool, {0}, "b"))[0].epoch == 2
        is_claimed.set()
        await asyncio.gather(*streams)


async def test_claims_of_the_same_partitions_in_any_order_do_not_meet(pool: Pool) -> None:
    async with asyncio.timeout(20.0):
        orders = [list(range(12)), list(range(11, -1, -1))]
        claims = await asyncio.gather(*(claim(pool, orders[n % 2], f"owner {n}") for n in range(10)))
    assert {each[3].epoch for each in claims} == set(range(1, 11))


async def test_only_the_newest_epoch_is_proven_and_given_back(pool: Pool) -> None:
    await claim(pool, {0, 1}, "b")
    assert await prove(pool, {0: 2, 1: 1, 2: 1}) == {0, 1}
    assert await prove(pool, {0: 1}) == set()
    await release(pool, {0: 1, 1: 1})
    owners = await pool.fetch("SELECT partition, owner FROM conversation_partition ORDER BY partition")
    assert [tuple(row) for row in owners] == [(0, "b"), (1, "")]
