"""Short texts of our own that are sent besides the agent's answers. Pure."""

from schemas.settings import NO_TEXT, Settings


def notice_text(settings: Settings, notice: str | None) -> str:
    """Return the configured text of a notice (`opted_out`, `opted_in`, `escalated`); empty where none is to be sent."""
    texts = {
        "opted_out": settings.opt_out_text,
        "opted_in": settings.opt_in_text,
        "escalated": settings.handoff_text,
    }
    text = texts.get(notice or "", NO_TEXT)
    return "" if text == NO_TEXT else text
