"""Twilio's 24-hour window: free text only within it, an approved template outside. Pure.

A client's inbound message opens the window; a phone call does not (Twilio's error 63016).
"""

from datetime import datetime, timedelta

_WINDOW = timedelta(hours=24)
# A message still queued at Twilio when the window closes fails; queues there last minutes.
_MARGIN = timedelta(minutes=10)


def is_open(last_inbound_at: datetime | None, now: datetime) -> bool:
    """Return whether free text may be sent. Both aware."""
    return last_inbound_at is not None and now - last_inbound_at < _WINDOW - _MARGIN
