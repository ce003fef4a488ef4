"""What Kafka does not have yet is read in its partition's order, above a mark that never moves back."""

from db.pool import Pool
from db.store.ownership import claim
from db.store.publication import advance, unpublished
from tests.support.person import Person


async def test_events_are_read_in_the_order_of_their_partition(pool: Pool, ana: Person, luis: Person) -> None:
    written = []
    for person in (ana, luis, ana):
        write = await person.append(pool, person.begins(), events=2)
        written += [(person.phone, row) for row in write.log]
    other = Person(phone="+573000000005", id=5, partition=1)
    await claim(pool, {1}, "test")
    await other.append(pool, other.begins())
    found, after = [], 0
    while batch := await unpublished(pool, 0, after=after, most=4):
        assert len(batch) <= 4
        found += [(each.phone_number, each.row) for each in batch]
        after = batch[-1].row.sequence
    assert found == written


async def test_the_mark_never_moves_back(pool: Pool) -> None:
    for sequence in (5, 9, 7):
        assert await advance(pool, {0: 1}, {0: sequence}) == {0}
    assert (await claim(pool, {0}, "b"))[0].published == 9


async def test_only_the_owner_moves_the_mark(pool: Pool) -> None:
    await claim(pool, {0, 1}, "b")
    assert await advance(pool, {0: 1, 1: 1}, {0: 5, 1: 6}) == {1}
    claims = await claim(pool, {0, 1}, "c")
    assert {partition: each.published for partition, each in claims.items()} == {0: 0, 1: 6}
