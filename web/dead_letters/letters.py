"""What is done with dead letters: show, retry, edit and retry, discard. None leaves without a trace."""

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from aiolimiter import AsyncLimiter

from db.readers.letters import ONE, OPEN_ONES, PAGE, LetterRow, WholeLetter
from db.readers.persons import ADDRESSES
from schemas.dead_letters import DeadLetterClosed
from schemas.documents import now
from schemas.errors import InvalidInput, Unavailable
from schemas.models import TAKEN_UP
from schemas.phone import without_numbers
from schemas.replay_mark import Mark, Wants
from schemas.topics import DEAD_LETTER
from web.dead_letters.index import Index
from web.kafka_link import KafkaLink

Json = dict[str, Any]
_TURN = "turn-"
RETRY_RATE = 50.0
"""Letters per second: a worker does some hundred events a second, and live ones must not notice."""


class NoSuchLetter(InvalidInput):
    """The id names no letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which letters. `number`: any address of a person; `before`: the last id of the page before."""

    state: str | None = "open"
    reason: str | None = None
    topic: str | None = None
    number: str | None = None
    since: datetime | None = None
    before: str | None = None
    limit: int = 50


class Letters:
    """Shows and handles dead letters.

    Every method raises:
        Unavailable: Kafka or Postgres does not answer.
    """

    def __init__(self, index: Index, kafka: KafkaLink, country: Mapping[str, object] | None = None) -> None:
        """`country`: see `Settings.country`."""
        self._country = country
        self._index = index
        self._kafka = kafka

    async def page(self, filters: Filters) -> Json:
        """Return letters, newest first, and `next_before` where there are more."""
        await self._index.catch_up()
        before = await self._row(filters.before) if filters.before else None
        since = filters.since.astimezone(UTC).replace(tzinfo=None) if filters.since else None
        addresses = None
        if filters.number is not None:
            addresses = [each.phone_number for each in await self._index.rows(ADDRESSES, filters.number)]
        rows = await self._index.rows(
            PAGE,
            filters.state,
            filters.reason,
            filters.topic,
            addresses,
            since,
            before.buried_at if before else None,
            before.id if before else None,
            filters.limit + 1,
        )
        shown = [_shown(row) for row in rows[: filters.limit]]
        more = {"next_before": shown[-1]["id"]} if len(rows) > filters.limit else {}
        return {"dead_letters": shown} | more

    async def show(self, letter_id: str) -> Json:
        """Return one letter with its bytes: as text if they are that, and in base64.

        Raises:
            NoSuchLetter: there is none.
        """
        await self._index.catch_up()
        row = await self._row(letter_id)
        return _shown(row) | {"key": _bytes(row.key), "value": _bytes(row.value)}

    async def retry(
        self,
        by: str,
        ids: list[str] | None,
        reason: str | None,
        value: bytes | None = None,
        rate: float = RETRY_RATE,
    ) -> list[Json]:
        """Publish letters' events again, oldest first, under their own ids.

        Those that would only die again stay, and so do the rest once Kafka or Postgres does not answer any
        more; the result says what was done with each. `value`: the edited bytes of a single one; `rate`: how
        many a second, so that live traffic does not wait behind them.

        Raises:
            NoSuchLetter: an id names no open letter.
            InvalidInput: the edited bytes cannot be used either, or `by` is not a name.
        """
        _closing("-", "retried", by, None)
        rows = await self._open(ids, reason)
        if value is not None:
            TAKEN_UP[rows[0].topic].from_json(value, self._country)
        limiter = AsyncLimiter(max(rate, 1.0), max(1.0, 1.0 / rate))

        async def retry(row: LetterRow) -> Json:
            async with limiter:
                return await self._retry(row, by, value)

        return await _each(rows, retry)

    async def discard(self, by: str, ids: list[str], why: str) -> list[Json]:
        """Dismiss letters for good; their bytes and the reason are kept.

        Raises:
            NoSuchLetter: an id names no open letter.
            InvalidInput: the name or the reason is longer than what is kept.
        """
        _closing("-", "discarded", by, why)
        return await _each(await self._open(ids, None), lambda row: self._close(row, "discarded", by, why))

    async def _retry(self, row: LetterRow, by: str, edited: bytes | None) -> Json:
        """Retry one, whose bytes are read only now: all of them at once might not fit into memory."""
        value = edited if edited is not None else (await self._row(row.id)).value
        try:
            event = TAKEN_UP[row.topic].from_json(value or b"", self._country)
            key = event.key
        except (InvalidInput, KeyError) as error:
            return _kept(row, f"it would die again: {error}; edit it, or discard it")
        await self._kafka.send(row.topic, key, value or b"", f"retry-{row.id}", [_mark(row)])
        return await self._close(row, "retried", by, "edited" if edited is not None else None)

    async def _close(
        self, row: LetterRow, action: Literal["retried", "discarded"], by: str, why: str | None
    ) -> Json:
        """Record it, first in the topic, which is the truth; repeating it after a cut is harmless."""
        closed = _closing(row.id, action, by, why)
        key = row.phone_number or row.id
        await self._kafka.send(DEAD_LETTER, key, closed.to_json(), None)
        await self._index.close(row.id, closed)
        return {"id": row.id, "action": action}

    async def _open(self, ids: list[str] | None, reason: str | None) -> list[LetterRow]:
        await self._index.catch_up()
        rows = await self._index.rows(OPEN_ONES, ids, reason)
        if missing := sorted(set(ids or ()) - {row.id for row in rows}):
            raise NoSuchLetter("id", f"no open dead letter {missing[0]}; `dead-letters list` shows them")
        return rows

    async def _row(self, letter_id: str) -> WholeLetter:
        rows = await self._index.rows(ONE, letter_id)
        if not rows:
            raise NoSuchLetter("id", f"no dead letter {letter_id}; `dead-letters list` shows them")
        return rows[0]


async def _each(rows: Sequence[LetterRow], handle: Callable[[LetterRow], Awaitable[Json]]) -> list[Json]:
    """Handle letters; what was done with the first ones is said although the rest could not be.

    Raises:
        Unavailable: nothing was done.
    """
    done: list[Json] = []
    for row in rows:
        try:
            done.append(await handle(row))
        except Unavailable as error:
            if not done:
                raise
            return done + [_kept(each, f"{error}; do it again") for each in rows[len(done) :]]
    return done


def _kept(row: LetterRow, why: str) -> Json:
    return {"id": row.id, "action": "kept", "why": why}


def _closing(
    letter_id: str, action: Literal["retried", "discarded"], by: str, why: str | None
) -> DeadLetterClosed:
    """Return the record of an action, which is checked before the action is taken."""
    return DeadLetterClosed.from_object(
        {"closes": letter_id, "state": action, "by": by, "reason": why, "at": now()}
    )


def _mark(row: LetterRow) -> tuple[str, bytes]:
    """Return the header by which a worker resumes a failed turn and sees that a message is late."""
    wants: Wants = "failed" if row.id.startswith(_TURN) else "open"
    return Mark("dead-letter", wants, row.id, row.buried_at.replace(tzinfo=UTC)).header()


def _shown(row: LetterRow) -> Json:
    names = ("id", "state", "topic", "reason", "tries", "closed", "phone_number")
    origin = {"partition": row.source_partition, "offset": row.source_offset}
    at = row.buried_at.isoformat(timespec="seconds") + "Z"
    details = without_numbers(row.details)  # vendors' words, too
    more = {"details": details, "bytes": row.size, "origin": origin, "at": at}
    return {name: getattr(row, name) for name in names} | more


def _bytes(data: bytes | None) -> Json | None:
    if data is None:
        return None
    try:
        text: str | None = data.decode()
    except UnicodeDecodeError:
        text = None
    return {"text": text, "base64": base64.b64encode(data).decode()}
