"""The database recorded from a run of the former build; see `tests/recorded/build_0020`."""

import gzip
import json
from pathlib import Path
from typing import Any

import asyncpg

_FOLDER = Path(__file__).parent.parent / "recorded" / "build_0020"


async def restore(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Fill an empty database with the recording."""
    await connection.execute(gzip.decompress((_FOLDER / "database.sql.gz").read_bytes()).decode())


def said() -> dict[str, Any]:
    """Return what the former build said of its database."""
    found: dict[str, Any] = json.loads(gzip.decompress((_FOLDER / "said.json.gz").read_bytes()))
    return found
