"""Events that wait in Postgres for Kafka."""

from dataclasses import dataclass
from typing import Final

from db.queries import load
from db.readers.query import Query

_sql = load("gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledEvent:
    """An event in its place; `trace`: its `traceparent`."""

    id: int
    topic: str
    key: str
    value: bytes
    request_id: str | None
    trace: str | None


HEAD: Final = Query(_sql.spool_head, SpooledEvent)
