"""How long the journal remembers. Pure."""

from datetime import timedelta

from schemas.settings import Settings

# An event delivered again at the very end of its topic's retention must still be known.
_MARGIN = timedelta(days=1)


def journal_remembers(settings: Settings) -> timedelta | None:
    """Give how long a turn that ended is remembered: never shorter than the topics keep its events; None: for ever."""
    if not settings.journal_retention_days:
        return None
    return max(timedelta(days=settings.journal_retention_days), timedelta(hours=settings.topic_retention_hours) + _MARGIN)
