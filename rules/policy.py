"""What the settings say about the rules, read once and checked. Durations are `timedelta`, None if off."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Self

from rules.call_status import CallStatuses
from rules.handoff import Handoff
from rules.keywords import Keywords
from rules.message_split import split_message
from rules.message_text import to_whatsapp
from rules.quiet_hours import QuietHours
from rules.wording import Wording, notice_text
from schemas.settings import NO_TEXT, Settings, in_languages
from schemas.texts import Texts

Split = Callable[[str], list[str]]
"""Cuts a text into as many messages as it takes; none of them is empty."""

_MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """Our own words in one language."""

    wording: Wording
    handoff: Handoff
    notices: Mapping[str, str]  #: short texts by name, absent if none is sent
    has_reopening: bool = False  #: there is a template for what is sent outside the 24-hour window

    @classmethod
    def of(cls, settings: Settings, texts: Texts) -> Self:
        """Read the settings of a language.

        Raises:
            ConfigurationError: one of them is malformed; the line names the variable.
        """
        return cls(
            wording=Wording(settings, texts),
            handoff=Handoff(settings),
            notices=_notices(settings),
            has_reopening=settings.twilio_reopen_content_sid is not None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings that the rules need."""

    split: Split  #: a text as messages of Twilio's length
    spoken: Spoken  #: our own words
    languages: Mapping[str, Spoken]  #: the same by language
    statuses: CallStatuses
    keywords: Keywords
    quiet_hours: QuietHours | None = None
    campaign_pace: timedelta | None = None
    summary_wait: float = 2.0  #: seconds that a first message waits for the call's summary
    agent_patience: timedelta = timedelta(seconds=300)
    unknown_grace: timedelta = timedelta(seconds=300)
    unknown_agent: str | None = None
    quiet: timedelta = timedelta(0)
    longest_quiet: timedelta = timedelta(seconds=20)
    same_words: timedelta = timedelta(0)  #: how long the same words share an answer
    idle_close: timedelta | None = timedelta(hours=72)
    escalated_resume: timedelta | None = timedelta(hours=24)
    unknown_send: Literal["resend", "hold"] = "resend"  #: what happens to a send that was not found
    told: frozenset[str] = field(default_factory=frozenset)  #: event types that the backend is told of

    @classmethod
    def of(cls, settings: Settings, split: Split = split_message) -> Self:
        """Read the settings.

        Raises:
            ConfigurationError: one of them is malformed; the line names the variable.
        """
        pace, told = settings.campaign_messages_per_minute, settings.backend_events.split(",")
        languages = {language: Spoken.of(*each) for language, each in in_languages(settings).items()}
        return cls(
            split=split,
            spoken=languages[settings.texts_language],
            languages=languages,
            statuses=CallStatuses(settings),
            keywords=Keywords.of(settings),
            quiet_hours=QuietHours.of(settings),
            campaign_pace=timedelta(seconds=_MINUTE / pace) if pace else None,
            summary_wait=settings.summary_wait_seconds,
            agent_patience=timedelta(seconds=settings.agent_patience_seconds),
            unknown_grace=timedelta(seconds=settings.unknown_number_grace_seconds),
            unknown_agent=settings.unknown_number_agent_id,
            quiet=timedelta(seconds=settings.reply_quiet_seconds),
            longest_quiet=timedelta(seconds=settings.reply_quiet_max_seconds),
            same_words=timedelta(seconds=settings.same_words_seconds),
            idle_close=_hours(settings.conversation_idle_close_hours),
            escalated_resume=_hours(settings.escalated_resume_hours),
            unknown_send=settings.twilio_unknown_send,
            told=frozenset(name.strip() for name in told) - {NO_TEXT},
        )

    def shown(self, text: str) -> list[str]:
        """Return an agent's text as WhatsApp messages.

        What people wrote is sent word for word, by `split` alone.
        """
        return [part for part in self.split(to_whatsapp(text)) if part.strip()]


def _notices(settings: Settings) -> dict[str, str]:
    found = {name: notice_text(settings, name) for name in ("opted_out", "opted_in", "escalated")}
    return {name: text for name, text in found.items() if text} | {"apology": settings.apology_text}


def _hours(hours: float) -> timedelta | None:
    return timedelta(hours=hours) if hours else None
