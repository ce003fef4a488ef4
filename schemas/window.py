"""Twilio's 24-hour window: free text only while the client has written within it; otherwise an approved template. Pure.

The rule speaks of inbound messages; a phone call does not open the window (Twilio's error 63016).
"""

from datetime import datetime, timedelta

_WINDOW = timedelta(hours=24)
# A message that waits at Twilio until the window is closed fails; queues there last minutes.
_MARGIN = timedelta(minutes=10)


def is_open(last_inbound_at: datetime | None, now: datetime) -> bool:
    """Return whether free text may be sent. Both aware."""
    return last_inbound_at is not None and now - last_inbound_at < _WINDOW - _MARGIN
