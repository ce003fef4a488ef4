"""A publisher learns of the spool before it publishes: what a former process stored is not overtaken."""

from typing import Any, cast

import pytest

from schemas.errors import Unavailable
from web.kafka_link import KafkaLink
from web.publisher import Publisher
from web.spool import Spool


class Link:
    """Kafka takes everything."""

    def __init__(self) -> None:
        self.answers = False
        self.sent: list[bytes] = []

    async def keep(self) -> None:
        self.answers = True

    async def send(self, topic: str, key: str, value: bytes, request_id: str) -> None:
        self.sent.append(value)


class Database:
    """Postgres with something in the spool, or nothing; `is_away`: it does not answer."""

    def __init__(self, holds: bool) -> None:
        self._holds = holds
        self.is_away = False

    async def quick_value(self, sql: str, *arguments: object) -> bool:
        if self.is_away:
            raise Unavailable("Postgres does not answer")
        return self._holds

    async def bounded(self, work: Any, seconds: float) -> None:  # noqa: ANN401
        work.close()
        raise Unavailable("Postgres does not answer")


async def _begun(holds: bool) -> tuple[Publisher, Link, Database]:
    link, database = Link(), Database(holds)
    publisher = Publisher(cast(KafkaLink, link), Spool(cast(Any, database)))
    await publisher.begin()
    database.is_away = True
    return publisher, link, database


async def test_what_a_former_process_stored_is_not_overtaken_while_postgres_is_away() -> None:
    publisher, link, _ = await _begun(holds=True)
    with pytest.raises(Unavailable):
        await publisher.publish("inbound-message", "+573138539155", b"{}", "r1")
    assert link.sent == []
    assert publisher.needs_postgres


async def test_an_empty_spool_delays_nobody_while_postgres_is_away() -> None:
    publisher, link, _ = await _begun(holds=False)
    await publisher.publish("inbound-message", "+573138539155", b"{}", "r1")
    assert link.sent == [b"{}"]
    assert not publisher.needs_postgres


async def test_a_process_does_not_begin_without_postgres() -> None:
    database = Database(holds=False)
    database.is_away = True
    with pytest.raises(Unavailable):
        await Publisher(cast(KafkaLink, Link()), Spool(cast(Any, database))).begin()
