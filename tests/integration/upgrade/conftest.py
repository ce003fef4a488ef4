"""The recorded database of the former build, before and after `migrate`."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from cli.upgrade import upgrade_of
from db.migrate import migrate
from db.pool import Pool, create_pool, prepare
from db.upgrade.values import Upgrade
from schemas.settings import load_settings
from tests.support.recorded import restore
from tests.support.servers import Databases

Row = dict[str, Any]
_TABLES = (
    *(
        "conversation_state",
        "conversation_messages",
        "conversation_turn",
        "conversation_input",
        "conversation_send",
    ),
    *("conversation_outbox", "conversation_history", "conversation_backend_post", "conversation_suppression"),
    *(
        "conversation_erasure",
        "conversation_dead_letter",
        "conversation_spool",
        "conversation_replay",
        "clients",
    ),
    *(
        "conversation_campaign",
        "conversation_backfill",
        "conversation_owner",
        "conversation_dead_letter_position",
    ),
)


@dataclass
class Former:
    """The recorded database, migrated.

    It is played on from `at`, as if it had been migrated at once: silence and windows last hours and days.
    """

    #: Of the database that was migrated.

    url: str = ""
    #: When it was recorded.
    at: datetime = datetime.min
    #: Its rows before, by table.
    tables: dict[str, list[Row]] = field(default_factory=dict)


async def never(seconds: float) -> None:
    raise AssertionError(f"nothing is under way that would be waited for, for {seconds} s")


async def rows_of(connection: Any, table: str) -> list[Row]:  # noqa: ANN401 - a connection or a pool
    return [dict(row) for row in await connection.fetch(f"SELECT * FROM {table}")]


def _at(at: datetime) -> Upgrade:
    """Return the upgrade as decided at a time."""
    upgrade = upgrade_of(load_settings({}))
    return replace(upgrade, convert=lambda former, _, ids: upgrade.convert(former, at, ids))


@pytest.fixture(scope="module")
def former(databases: Databases) -> Former:
    """The recorded database, migrated."""

    async def make() -> Former:
        found = Former(url=(await databases.create())[1])
        connection = await asyncpg.connect(found.url, server_settings={"timezone": "UTC"})
        await prepare(connection)
        await restore(connection)
        found.tables = {table: await rows_of(connection, table) for table in _TABLES}
        found.at = max(row["at"] for row in found.tables["conversation_history"]).replace(tzinfo=UTC)
        await connection.close()
        await migrate(found.url, _at(found.at), sleep=never)
        return found

    return asyncio.run(make())


@pytest.fixture
async def upgraded(former: Former) -> AsyncIterator[Pool]:
    """Connections to the migrated database."""
    pool = await create_pool(load_settings({}, database_url=former.url))
    yield pool
    await pool.close()
