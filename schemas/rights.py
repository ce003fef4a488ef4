"""The permissions that each process needs in Kafka, where the brokers check them."""

from dataclasses import dataclass
from typing import Final

from schemas.models import TAKEN_UP
from schemas.topics import (
    ALL_TOPICS,
    CALL_COMPLETED,
    CONVERSATION_EVENT,
    DEAD_LETTER,
    INBOUND_MESSAGE,
    STATS_CHANGELOG,
    STATS_GROUP,
    WORKER_GROUP,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Topics and groups by bare name. All topics are described; reading and writing imply describing."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    described_groups: tuple[str, ...] = ()
    describe: tuple[str, ...] = (*ALL_TOPICS, STATS_CHANGELOG)


WEB: Final = Needs(read=(CALL_COMPLETED, INBOUND_MESSAGE, DEAD_LETTER), write=(*TAKEN_UP, DEAD_LETTER))
WORKER: Final = Needs(
    read=tuple(TAKEN_UP), write=(*TAKEN_UP, CONVERSATION_EVENT, DEAD_LETTER), groups=(WORKER_GROUP,)
)
STATS_WORKER: Final = Needs(
    read=(CONVERSATION_EVENT, STATS_CHANGELOG),
    write=(STATS_CHANGELOG,),
    groups=(STATS_GROUP,),
    described_groups=(WORKER_GROUP,),
)
