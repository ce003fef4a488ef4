"""What delivery reports tell of our sender: seen as they are read, before anybody's turn."""

from collections.abc import Callable
from datetime import datetime, timedelta

from clients.sender_standing import SenderStanding
from rules.inputs import KnownSend
from schemas.events import MessageStatus
from schemas.statuses import FAILED, rank_of
from schemas.twilio_codes import classify

# A report that has waited in a topic, or that a replay brings, tells how it was.
_NEW = timedelta(minutes=2)
# The messenger has handed it over.
_LEFT = rank_of("sent")


class ReportWatch:
    """`now`: Postgres' time; `addresses_of(key)`: all that a person is known to have, as far as memory tells."""

    def __init__(
        self,
        standing: SenderStanding,
        now: Callable[[], datetime],
        addresses_of: Callable[[str], frozenset[str]] = lambda key: frozenset({key}),
    ) -> None:
        self._standing = standing
        self._now = now
        self._addresses_of = addresses_of

    def read(self, report: MessageStatus, send: KnownSend | None, key: str) -> None:
        """Learn from a report. `send`: None where its row is not there yet; `key`: of the conversation that it is of."""
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
            self._standing.limited(own_id, self._addresses_of(key), code)
        elif kind != "slow":  # refused for a reason of its own: the account is good
            self._standing.account.went_through(own_id, by_report=True)


def _is_first(send: KnownSend | None) -> bool:
    """Return whether it was to somebody who had not written: a call's first message, or a template."""
    return send is not None and (send.turn_kind == "call" or send.content is not None)
