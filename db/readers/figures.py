"""Figures counted in Postgres: of a day, of a campaign, of what is stuck."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from db.queries import load
from db.readers.query import Query

_sql = load("gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """See `db/sql/gateway.sql`. `response_quantiles`: p50, p95, p99, None without an answer."""

    active_conversations: int
    total_conversations_today: int
    messages_sent_today: int
    messages_received_today: int
    answered_today: int
    avg_response_time_seconds: float
    response_quantiles: list[float] | None
    active: int
    completed: int
    failed: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignDay:
    """What became of the calls of one day. `reasons`: how often what refused a message."""

    day: str
    started: int
    delivered: int
    read: int
    answered: int
    escalated: int
    stopped: int
    failed: int
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFigures:
    """Ages in seconds. `refused`: failures of the last hour by code."""

    spooled: int
    oldest_spooled: Decimal | None
    oldest_waiting: Decimal | None
    last_ended: Decimal | None
    refused: dict[str, int]


DAY: Final = Query(_sql.stats, DayFigures)
CAMPAIGN: Final = Query(_sql.campaign, CampaignDay)
WORK: Final = Query(_sql.work, WorkFigures)
