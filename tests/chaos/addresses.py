"""Clients whose number is withheld from some moment on: a third of them, who then write from an id."""

import asyncio

import asyncpg

from tests.chaos.clients import Clients
from tests.chaos.world import World

_SHARE = 3
# Each has made both addresses known. How soon that is processed is for the promise to judge, not for us.
_LOOK_SECONDS = 0.1


def user_of(number: str) -> str:
    """Return a client's business-scoped id."""
    return f"CO.{number.lstrip('+')}"


async def change(world: World, clients: Clients) -> None:
    """Have a third write with both addresses once more, and from then on with the id alone."""
    changing = clients.numbers[::_SHARE]
    clients.user_ids = {number: user_of(number) for number in changing}
    for number in changing:
        clients.turn(number, 1)
    await asyncio.sleep(0)  # each starts to write
    told = len(clients.written)
    while any(message.acked is None for message in clients.written[:told]):
        await asyncio.sleep(_LOOK_SECONDS)
    clients.withheld = set(changing)


async def no_strangers(world: World, clients: Clients) -> None:
    """Check that every id now belongs to its number, has nothing open and no conversation of its own."""
    connection = await asyncpg.connect(world.postgres.dsn)
    try:
        rows = await connection.fetch(
            "SELECT phone_number, state::jsonb->>'merged_into' AS number, is_open FROM conversation_actor"
            " WHERE phone_number LIKE 'CO.%'"
        )
        strangers = await connection.fetchval(
            "SELECT count(*) FROM conversation_state WHERE phone_number LIKE 'CO.%'"
        )
    finally:
        await connection.close()
    merged = {
        row["number"]
        for row in rows
        if user_of(row["number"] or "") == row["phone_number"] and not row["is_open"]
    }
    missing = set(clients.user_ids) - merged
    world.problems += [f"{number}: its id is a stranger" for number in sorted(missing)[:3]]
    if strangers:
        world.problems.append(f"{strangers} conversations of ids")
