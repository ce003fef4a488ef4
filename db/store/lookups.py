"""What a message needs beyond its actor's state: ids, sends, quoted texts, the newest messages, events."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from db.pool import Pool
from db.queries import load
from db.store.retry import retry
from db.store.rows import FailedTurn, SeenEvent, SendRow, StoredEvent, StoredMessage, columns, event
from schemas.rows import Json

_sql = load("store")

# The largest id of a row: `SERIAL` is 32 bits.
NEWEST = 2**31 - 1


async def seen_events(pool: Pool, events: Collection[tuple[str, str]]) -> dict[tuple[str, str], SeenEvent]:
    """Return which of these events, by kind and id, were taken up before."""
    kinds, ids = [kind for kind, _ in events], [event_id for _, event_id in events]
    rows = await retry(pool, lambda: pool.fetch(_sql.seen, kinds, ids))
    return {(row["kind"], row["event_id"]): SeenEvent(at=row["at"], outcome=row["outcome"]) for row in rows}


async def sends_by_own_id(pool: Pool, own_ids: Collection[UUID]) -> dict[UUID, SendRow]:
    """Return the sends with these ids of ours."""
    rows = await retry(pool, lambda: pool.fetch(_sql.sends_by_own_id, own_ids))
    return {row["own_id"]: SendRow(**columns(row)) for row in rows}


async def sends_by_sid(pool: Pool, sids: Collection[str]) -> dict[str, SendRow]:
    """Return the sends with these ids of the vendor's."""
    rows = await retry(pool, lambda: pool.fetch(_sql.sends_by_sid, sids))
    return {row["sid"]: SendRow(**columns(row)) for row in rows}


async def newest_sends(pool: Pool, numbers: Collection[str], most: int) -> list[SendRow]:
    """Return the newest sends of each of these numbers, at most `most`, oldest first."""
    rows = await retry(pool, lambda: pool.fetch(_sql.newest_sends, numbers, most))
    return [SendRow(**columns(row)) for row in rows]


async def sends_of_turn(pool: Pool, phone_number: str, turn_id: int) -> list[SendRow]:
    """Return a turn's sends in their order."""
    rows = await retry(pool, lambda: pool.fetch(_sql.sends_of_turn, phone_number, turn_id))
    return [SendRow(**columns(row)) for row in rows]


async def failed_turns(pool: Pool, numbers: Collection[str]) -> list[FailedTurn]:
    """Return these numbers' turns that failed and were not taken up since, in the order they failed in."""
    rows = await retry(pool, lambda: pool.fetch(_sql.failed_turns, numbers))
    return [FailedTurn(**{**row, "accepted": frozenset(row["accepted"])}) for row in rows]


async def burnt_turns(pool: Pool, numbers: Collection[str], failed: Collection[str]) -> list[FailedTurn]:
    """Return these numbers' turns that were sent and failed by a report, oldest first.

    Each has only what of it failed. `failed`: statuses of such reports.
    """
    rows = await retry(pool, lambda: pool.fetch(_sql.burnt_turns, numbers, failed))
    return [_burnt(row) for row in rows if row["said"] is not None]


def _burnt(row: Mapping[str, Any]) -> FailedTurn:
    said = row["said"]
    turn = {
        "id": row["turn_id"],
        "kind": said["kind"],
        "began_at": row["began_at"].isoformat(),
        "answers": said["answers"] or [],
        "event_id": said["event_id"],
        "parts": row["parts"],
    }
    return FailedTurn(
        phone_number=row["phone_number"],
        number=said["number"],
        turn=turn,
        accepted=frozenset(),
        superseded=row["superseded"],
        burnt=True,
    )


async def message_ids(pool: Pool, messages: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return the row ids of messages, by number and the vendor's id."""
    numbers, sids = [number for number, _ in messages], [sid for _, sid in messages]
    rows = await retry(pool, lambda: pool.fetch(_sql.message_ids, numbers, sids))
    return {(row["phone_number"], row["sid"]): row["id"] for row in rows}


async def quoted_texts(pool: Pool, quotes: Collection[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """Return messages' texts, by conversation and the vendor's id; never those of another conversation."""
    conversations, sids = [conversation for conversation, _ in quotes], [sid for _, sid in quotes]
    rows = await retry(pool, lambda: pool.fetch(_sql.quotes, conversations, sids))
    return {(row["conversation_id"], row["sid"]): row["content"] for row in rows}


async def newest_messages(
    pool: Pool, conversation_id: int, *, most: int, until: int = NEWEST, without: Sequence[int] = ()
) -> list[StoredMessage]:
    """Return a conversation's newest messages, oldest first.

    `until`: id of the last message that counts, so that a repeated question is the same; `without`: ids of
    the messages that the question is about.
    """
    arguments = conversation_id, until, list(without), most
    rows = await retry(pool, lambda: pool.fetch(_sql.newest_messages, *arguments))
    return [StoredMessage(**{**columns(row), "metadata": row["metadata"] or {}}) for row in reversed(rows)]


async def events(pool: Pool, conversation_id: int, *, after: int, most: int) -> list[StoredEvent]:
    """Return a conversation's events with a number above `after`, in order."""
    rows = await retry(pool, lambda: pool.fetch(_sql.events, conversation_id, after, most))
    return [event(row) for row in rows]


async def backend_post(pool: Pool, conversation_id: int, number: int) -> Json | None:
    """Return what the backend is to be told; None if it has been told."""
    payload: Json | None = await retry(
        pool, lambda: pool.fetchval(_sql.backend_post, conversation_id, number)
    )
    return payload


async def sent_sids(pool: Pool, phone_numbers: Collection[str]) -> set[str]:
    """Return the vendor's ids of these numbers' messages that are accounted for."""
    rows = await retry(pool, lambda: pool.fetch(_sql.sent_sids, sorted(phone_numbers)))
    return {row["sid"] for row in rows}


async def first_follow_ups(pool: Pool, leads: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return, by (batch, recipient), the vendor's id of the first message after a lead's earlier attempt."""
    batches, recipients = [batch for batch, _ in leads], [recipient for _, recipient in leads]
    rows = await retry(pool, lambda: pool.fetch(_sql.first_follow_ups, batches, recipients))
    return {(row["batch_id"], row["recipient_id"]): row["sid"] for row in rows}


async def restored_at(pool: Pool) -> datetime | None:
    """Return when this database was last rebuilt from the log; None: never."""
    at: datetime | None = await retry(pool, lambda: pool.fetchval(_sql.restored_at))
    return at
