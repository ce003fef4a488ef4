"""A call's summary and duration, filled in as ElevenLabs comes to know them and never taken back."""

from datetime import timedelta

from rules.draft import Draft
from rules.events import Deferred, DetailsLearned, LookupsEnded
from rules.inputs import CallDetails, DetailsFetched, DetailsTold
from rules.state import Conversation
from rules.turns import Wait

# Short while the analysis usually comes, long for a late one, 20 minutes in all.
# The post-call webhook may be later still.
WAITS_SECONDS = (2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 120.0, 300.0, 600.0)


def are_whole(state: Conversation) -> bool:
    """Return whether nothing is left to ask for."""
    return state.summary is not None and state.call_duration_secs is not None


def learn(draft: Draft, details: CallDetails) -> None:
    """Record what is now known of the call, if it is more than before."""
    state = draft.state
    summary = details.summary if state.summary is None else None
    seconds = details.duration_secs if state.call_duration_secs is None else None
    if state.has_details and summary is None and seconds is None:
        return
    is_whole = not _lacks(state.summary, summary) and not _lacks(state.call_duration_secs, seconds)
    draft.emit(
        DetailsLearned(
            call_summary=summary, call_duration_secs=seconds, details=details.kept, is_whole=is_whole
        )
    )


def _lacks(known: object, learned: object) -> bool:
    return known is None and learned is None


def on_fetched(draft: Draft, fetched: DetailsFetched) -> None:
    """Record what ElevenLabs knows, and ask again later for what is missing."""
    if fetched.call_id != draft.state.call_id or draft.state.lookups is None:
        return
    if fetched.details is not None:
        learn(draft, fetched.details)
    if (former := draft.state.lookups) is None:
        return
    if former.tries >= len(WAITS_SECONDS):
        draft.emit(LookupsEnded(tries=former.tries))
        return
    until = draft.now + timedelta(seconds=WAITS_SECONDS[former.tries])
    draft.emit(Deferred(what="details", wait=Wait(reason="backoff", until=until, tries=former.tries + 1)))


def on_told(draft: Draft, told: DetailsTold) -> None:
    """Record details from the post-call webhook or a back-fill; those of an earlier call come too late."""
    if draft.state.has_begun and told.details.call_id == draft.state.elevenlabs_conversation_id:
        learn(draft, told.details)
