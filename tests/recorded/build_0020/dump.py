"""A database as SQL that any client can run: `INSERT`s, and no command that only `psql` knows."""

import asyncio

from local.postgres.cluster import binaries
from local.postgres.server import RunningPostgres

_OPTIONS = (
    "--inserts",
    "--rows-per-insert=100",
    "--no-owner",
    "--no-privileges",
    "--no-comments",
    "--no-tablespaces",
)
# Functions name tables without their schema.
_HEAD = b"SET check_function_bodies = false;\n"


async def dump(postgres: RunningPostgres) -> bytes:
    """Return the service's database."""
    process = await asyncio.create_subprocess_exec(
        *(str(binaries() / "pg_dump"), *_OPTIONS, postgres.dsn), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return _HEAD + _without_session(printed)


def _without_session(printed: bytes) -> bytes:
    """Leave out the session settings before the first object, and what only `psql` knows at the end."""
    begin, end = printed.index(b"\nCREATE "), printed.rindex(b"\n\\")
    return printed[begin:end]
