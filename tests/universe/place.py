"""Where a history is played, drawn from the seed: numbers, partitions, settings and storms."""

import random
from dataclasses import dataclass
from typing import Any

from schemas.settings import Settings, load_settings
from tests.support.gateway import CONFIGURED
from tests.support.history import REOPENING, TEXTS

ANSWERS = (
    *(
        "append intended",
        "append answered",
        "append sent",
        "append opted_out",
        "append",
        "send",
        "still_owned",
        "claim",
    ),
    *("restored_at", "send conversation-event", "unpublished", "published", "commit", "positions", "offsets"),
)
"""Answers on which a process may die or freeze: all is done outside, and nothing of it is known inside."""
_ANSWERS_A_SEED = 4
_STORMS_A_SEED = 3
# What is done with a message is over by then, even if a vendor is away for long.
_LONGER_THAN_ANY_REPORT_SECONDS = 240.0
_COMMON = {
    **TEXTS,
    "agent_patience_seconds": 60,
    "conversation_idle_close_hours": 0,
    "twilio_whatsapp_from": "whatsapp:+14155238886",
    **CONFIGURED,
    "kafka_bootstrap_servers": "kafka:9092",
    "outcome_wait_seconds": 9,
    "twilio_account_sid": None,
    "stats_timezone": "UTC",
    "backfill_every_seconds": 20,
}
_CHOICES: tuple[tuple[dict[str, Any], ...], ...] = (
    ({}, {}, {}, {"max_in_flight": 4}, {"max_in_flight": 12}),
    ({}, {}, {"twilio_messages_per_second": 1}, {"twilio_messages_per_second": 3}),
    ({}, {}, {}, {"twilio_unknown_send": "hold"}),
    ({}, {}, {"reply_quiet_seconds": 3}),
    ({}, {"unknown_number_agent_id": "agent_9"}),
    ({}, {}, {}, {"campaign_messages_per_minute": 60}),
    ({}, {}, {**REOPENING}),
    ({"unknown_number_grace_seconds": 5}, {"unknown_number_grace_seconds": 20}),
    ({}, {}, {"message_retention_days": _LONGER_THAN_ANY_REPORT_SECONDS / 86_400}),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """The setting of a seed. `answers`: see `ANSWERS`; `storms`: names of the vendor's storms."""

    partitions: int
    numbers: int
    settings: Settings
    answers: tuple[str, ...]
    storms: tuple[str, ...]

    @classmethod
    def of(cls, seed: int, storms: list[str]) -> "Setting":
        chance = random.Random(f"setting {seed}")
        partitions = chance.choice((1, 2, 2, 4, 4))
        over = _COMMON | {"topic_partitions": partitions}
        for choice in _CHOICES:
            over |= chance.choice(choice)
        return cls(
            partitions=partitions,
            numbers=chance.choice((3, 5, 8, 8)),
            settings=load_settings({}, **over),
            answers=tuple(chance.sample(ANSWERS, _ANSWERS_A_SEED)),
            storms=tuple(sorted(chance.sample(storms, _STORMS_A_SEED))),
        )
