"""Which versions of the schema this build knows, and which one a database has."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import asyncpg

if TYPE_CHECKING:
    from db.pool import Pool

_SCRIPTS = Path(__file__).parent / "migrations" / "versions"
KNOWN = tuple(sorted(file.stem.partition("_")[0] for file in _SCRIPTS.glob("0*.py")))
"""All of them, in order."""
NEWEST = KNOWN[-1]
"""The version that this build works with."""
LAST_OF_FUNCTIONS = "0023"
"""The last version of builds whose rules were functions of Postgres; `db.upgrade` leads to the next one."""
FORMER_TABLE = "whatsapp_microservice_version"
VERSION_TABLE = "whatsapp_microservice_schema"
"""Our own names: the database may be the main backend's, with migrations of its own.

The second has been in use since 0024, so that former builds, which accepted any version that they did not
know, find nothing.
"""

Found = Literal["older", "ours", "newer"]


async def schema_version(database: "Pool | asyncpg.Connection") -> tuple[Found, str | None]:
    """Return how the database's schema stands to this build, and its version; None if it cannot be seen."""
    try:
        version: str | None = await database.fetchval(f"SELECT version_num FROM {VERSION_TABLE}")
    except asyncpg.UndefinedTableError:
        version = None
    if version is None or version in KNOWN[:-1]:
        return "older", version
    return ("ours" if version == NEWEST else "newer"), version
