"""WhatsApp's 24-hour window, as the page tells it. Pure.

Free text may be sent within 24 hours after the client's last message, afterwards only a template (Twilio's error 63016).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_HOURS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Window:
    """`closes_at`: UTC, None where the client has never written."""

    is_open: bool
    closes_at: datetime | None


def window_of(last_inbound_at: datetime | None, now: datetime | None = None) -> Window:
    """Tell whether free text may be sent. Times without a zone are UTC, as the database has them."""
    if last_inbound_at is None:
        return Window(False, None)
    closes_at = last_inbound_at.replace(tzinfo=UTC) + _HOURS
    return Window(closes_at > (now or datetime.now(UTC)), closes_at)
