"""What the vendor could not deliver, and the former build had not said again yet."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from rules.slow_numbers import wait_after
from rules.turns import CameBack, Part
from rules.upgrade.turns import said_at
from schemas.former import FormerSend, FormerTurn
from schemas.rows import Json


def came_back(turns: Iterable[FormerTurn], address: str, now: datetime) -> tuple[CameBack, ...]:
    """Return what goes out again, in the order in which it was first said."""
    by_id = {turn.id: turn for turn in turns}
    slow = [turn for turn in by_id.values() if turn.again == "slow"]
    roots = dict.fromkeys(_root(turn) for turn in slow)
    found = [_slow(root, [turn for turn in slow if _root(turn) == root], now) for root in roots]
    found += [_outside(turn, turn.sends, now) for turn in by_id.values() if turn.again == "wanted"]
    begun = (turn for turn in by_id.values() if turn.kind == "again" and turn.state == "begun")
    found += [_begun(turn, by_id, address, now) for turn in begun]
    return tuple(sorted(found, key=lambda back: (back.since, back.turn_id)))


def _again(turn: FormerTurn) -> Json:
    found: Json = turn.rule.get("again") or {}
    return found


def _root(turn: FormerTurn) -> int:
    root: int = _again(turn).get("turn_id", turn.id)
    return root


def _slow(root: int, turns: list[FormerTurn], now: datetime) -> CameBack:
    """Put parts of one turn, and of its repetitions, together: they go out in order."""
    times = max(_again(turn).get("times", 0) for turn in turns)
    parts = (_repeated(root, turn, send, times) for turn in turns for send in turn.sends if send.came_back)
    return CameBack(
        turn_id=root,
        kind=_again(turns[0]).get("kind", turns[0].kind),
        parts=tuple(sorted(parts, key=lambda part: part.origin_part or 0)),
        since=min(said_at(turn) for turn in turns),
        due=now + wait_after(times),
        times=times + 1,
    )


def _repeated(root: int, turn: FormerTurn, send: FormerSend, times: int) -> Part:
    known = _again(turn).get("parts") or ()
    place = known[send.part]["place"] if send.part < len(known) else send.part
    return Part(
        own_id=send.own_id,
        to=send.to_address,
        body=send.body,
        content=send.content,
        said_at=said_at(turn),
        times=times + 1,
        origin_turn=root,
        origin_part=place,
    )


def _outside(turn: FormerTurn, sends: Iterable[FormerSend], now: datetime) -> CameBack:
    """Return what fell outside the 24-hour window, which is said as one template."""
    texts = (send for send in sends if send.content is None and send.state == "accepted")
    parts = (Part(own_id=send.own_id, to=send.to_address, body=send.body, times=1) for send in texts)
    since = said_at(turn)
    return CameBack(
        turn_id=turn.id, kind=turn.kind, parts=tuple(parts), since=since, due=now, times=1, as_template=True
    )


def _begun(turn: FormerTurn, by_id: Mapping[int, FormerTurn], address: str, now: datetime) -> CameBack:
    """Begin anew a repetition that was begun but not planned."""
    again = _again(turn)
    root, times = _root(turn), again.get("times", 1)
    if "parts" not in again:
        return _outside(by_id[root], by_id[root].sends, now)
    parts = (
        Part(
            own_id=part["own_id"],
            to=address,
            body=part["body"],
            content=part["content"],
            said_at=said_at(turn),
            times=times,
            origin_turn=root,
            origin_part=part["place"],
        )
        for part in again["parts"]
    )
    return CameBack(
        turn_id=root,
        kind=again["kind"],
        parts=tuple(parts),
        since=said_at(turn),
        due=turn.due_at or now,
        times=times,
    )
