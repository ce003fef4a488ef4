"""What delivery reports tell: of their sends, for the rules, and of our sender, ahead of anybody's turn."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from clients.sender_standing import SenderStanding
from db.store.rows import SendRow
from rules import inputs as i
from rules.inputs import KnownSend
from schemas.events import MessageStatus
from schemas.statuses import FAILED, rank_of
from schemas.twilio_codes import classify
from schemas.verdicts import PASSING
from streams.actors.values import AddressesOf, only_its_own

# Only newer reports tell how things are: an older one has waited in a topic, or comes from a replay.
_NEW = timedelta(minutes=2)
# From this rank on, the messenger has handed the message over.
_LEFT = rank_of("sent")


def send_of(event: MessageStatus, by_own: dict[UUID, SendRow], by_sid: dict[str, SendRow]) -> SendRow | None:
    if event.own_id is not None:
        return by_own.get(UUID(event.own_id))
    return by_sid.get(event.params.get("MessageSid", ""))


def report_of(event: MessageStatus, send: i.KnownSend | None, held: i.HeldTurn | None) -> i.DeliveryReported:
    status = event.params.get("MessageStatus") or event.params.get("SmsStatus", "")
    return i.DeliveryReported(
        sid=event.params.get("MessageSid"),
        status=status,
        rank=rank_of(status),
        at=event.received_at,
        own_id=event.own_id,
        delivered=status in ("delivered", "read"),
        read=status == "read",
        failure=_failure(event.params) if status in FAILED else None,
        send=send,
        held=held,
        report=event,
    )


def _failure(params: dict[str, str]) -> i.Failure:
    return failure_of(
        params.get("ErrorCode"), params.get("ChannelStatusMessage") or params.get("ErrorMessage")
    )


def failure_of(code: str | None, words: str | None) -> i.Failure:
    """Return the failure that a report tells of, by its code."""
    verdict = classify(code)
    return i.Failure(kind=_kind(verdict.kind), code=code, reason=verdict.es, vendor_words=words)


def _kind(kind: str) -> i.FailureKind:
    if kind == "suppress":
        return "suppress"
    if kind == "template":
        return "outside_window"
    if kind == "slow":
        return "slow"
    return "passing" if kind in PASSING or kind == "hold" else "final"


def known_send(row: SendRow) -> i.KnownSend:
    """Return a send as the rules see it."""
    return i.KnownSend(
        own_id=str(row.own_id),
        turn_id=row.turn_id,
        turn_kind=row.turn_kind,
        part=row.part,
        to=row.to_address,
        body=row.body,
        content=row.content,
        state=row.state,
        rank=row.rank,
        sid=row.sid,
        message_id=row.message_id,
        planned_at=row.planned_at,
        intended_at=row.intended_at,
        delivered_at=row.delivered_at,
        read_at=row.read_at,
        times=row.times,
        came_back=row.came_back,
        origin_turn=row.origin_turn,
        origin_part=row.origin_part,
        conversation_id=row.conversation_id,
    )


class ReportWatch:
    """A watch on reports as they are read.

    `now`: Postgres' time; `addresses_of(key)`: all addresses that a person has, as far as memory knows.
    """

    def __init__(
        self,
        standing: SenderStanding,
        now: Callable[[], datetime],
        addresses_of: AddressesOf = only_its_own,
    ) -> None:
        self._standing = standing
        self._now = now
        self._addresses_of = addresses_of

    def read(self, report: MessageStatus, send: KnownSend | None, key: str) -> None:
        """Learn from a report. `send`: None if its row is not there yet; `key`: its conversation's."""
        own_id = report.own_id or (send.own_id if send is not None else "")
        if not own_id or self._now() - report.received_at > _NEW:
            return
        status = report.params.get("MessageStatus") or report.params.get("SmsStatus", "")
        if status not in FAILED:
            if rank_of(status) >= _LEFT:
                self._standing.went_through(own_id, is_first=_is_first(send), by_report=True)
            return
        code = report.params.get("ErrorCode", "")
        kind = classify(code).kind
        if kind == "hold":
            self._standing.refused(own_id, code, by_report=True)
        elif kind == "slow" and _is_first(send):
            self._standing.limited(own_id, self._addresses_of(key), code, by_report=True)
        elif kind != "slow":  # refused for a reason of its own: the account is good
            self._standing.account.went_through(own_id, by_report=True)


def _is_first(send: KnownSend | None) -> bool:
    """Return whether a send was to somebody who had not written: a call's first message, or a template."""
    return send is not None and (send.said_kind == "call" or send.content is not None)
