"""Why a write was refused, looked up afterwards in a fresh snapshot."""

from collections.abc import Mapping

from db.pool import Pool
from db.queries import load
from db.store.retry import retry
from db.store.write import Conflict, Fenced, Result, Write, Written
from schemas.rows import SeenRow

_sql = load("store")


async def explain(pool: Pool, writes: Mapping[int, Write]) -> dict[int, Result]:
    """Return the outcome of writes that did not happen now, by place.

    One whose id is that of the actor's last write happened before: only its acknowledgement was lost.
    """
    places = list(writes)
    keys = [write.phone_number for write in writes.values()]
    partitions = [write.partition for write in writes.values()]
    ids = [write.write_id for write in writes.values()]
    rows = await retry(pool, lambda: pool.fetch(_sql.refused, places, keys, partitions, ids))
    seen = await _seen(pool, writes)
    results: dict[int, Result] = {}
    for row in rows:
        place, write = row["place"], writes[row["place"]]
        if row["is_ours"]:
            results[place] = Written(version=row["version"])
        elif row["epoch"] != write.epoch:
            results[place] = Fenced(epoch=row["epoch"])
        else:
            results[place] = _conflict(write, row["version"], seen.get(place, ()), row["row_id"])
    return results


async def _seen(pool: Pool, writes: Mapping[int, Write]) -> dict[int, tuple[tuple[str, str], ...]]:
    events = [
        (change.kind, change.event_id)
        for write in writes.values()
        for change in write.changes
        if isinstance(change, SeenRow)
    ]
    if not events:
        return {}
    kinds, event_ids = zip(*events, strict=True)
    rows = await retry(pool, lambda: pool.fetch(_sql.seen, kinds, event_ids))
    found = {(row["kind"], row["event_id"]) for row in rows}
    return {place: tuple(_repeated(write, found)) for place, write in writes.items()}


def _repeated(write: Write, found: set[tuple[str, str]]) -> list[tuple[str, str]]:
    events = [(change.kind, change.event_id) for change in write.changes if isinstance(change, SeenRow)]
    return [event for event in events if event in found]


def _conflict(write: Write, version: int, seen: tuple[tuple[str, str], ...], row_id: int | None) -> Conflict:
    if version != write.version:
        return Conflict(reason="version", version=version, seen=seen, row_id=row_id)
    if seen:
        return Conflict(reason="seen", version=version, seen=seen, row_id=row_id)
    is_foreign = row_id is not None and row_id != write.conversation_id
    return Conflict(reason="row" if is_foreign else "version", version=version, row_id=row_id)
