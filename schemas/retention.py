"""How long what happened is remembered, and for how long with its words. Pure."""

from datetime import timedelta

from schemas.settings import Settings

# An event delivered again at the very end of its topic's retention must still be known.
_MARGIN = timedelta(days=1)


def remembered_for(settings: Settings) -> timedelta | None:
    """Return how long an ended turn is remembered: at least while topics keep its events; None: for ever."""
    if not settings.journal_retention_days:
        return None
    return max(
        timedelta(days=settings.journal_retention_days),
        timedelta(hours=settings.topic_retention_hours) + _MARGIN,
    )


def log_kept_for(settings: Settings) -> timedelta | None:
    """Return how long the log and sends, which have the words of messages, are kept; None: for ever."""
    messages = timedelta(days=settings.message_retention_days) or None
    return min((each for each in (messages, remembered_for(settings)) if each is not None), default=None)
