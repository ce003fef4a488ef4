"""Events made from what Twilio lists. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from clients.matching import same_address, same_text
from clients.messenger import ListedMessage, MessageFile
from db.readers.backfill import UnknownSend
from schemas.documents import without_nul
from schemas.events import InboundMessage, MessageStatus
from schemas.statuses import FAILED, rank_of

# A status below this says nothing that a delivery report would have said.
_SENT = rank_of("sent")
# Twilio's clock and ours may differ, and its times have whole seconds.
_CLOCK_SECONDS = 10
# A create answers within seconds; a send intended long before Twilio made a message is a different one.
_LONGEST_CREATE_SECONDS = 120


def inbound(
    message: ListedMessage, account: str, files: Sequence[MessageFile], request_id: str
) -> InboundMessage:
    """Return the event of a message whose webhook never came.

    The list lacks `ProfileName`, `WaId`, button fields, `Forwarded` and locations (facts of Twilio's list).

    Raises:
        InvalidInput: it is not a message of ours.
    """
    params = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsMessageSid": message.sid,
        "AccountSid": account,
        "From": message.from_,
        "To": message.to,
        "Body": message.body,
        "NumMedia": str(len(files)),
        "NumSegments": "1",
        "SmsStatus": "received",
    }
    for place, file in enumerate(files):
        params |= {f"MediaUrl{place}": file.url, f"MediaContentType{place}": file.content_type}
    clean = {name: without_nul(value) for name, value in params.items()}
    known = {"received_at": message.created, "backfilled": True, "request_id": request_id}
    return InboundMessage.from_object({"event_id": message.sid, "params": clean, **known})


def report(
    message: ListedMessage, account: str, own_id: str | None, request_id: str, at: datetime
) -> MessageStatus:
    """Return the delivery report that never came. `at`: when we found out.

    Raises:
        InvalidInput: it is not about a message of ours.
    """
    params = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageStatus": message.status,
        "SmsStatus": message.status,
        "AccountSid": account,
        "From": message.from_,
        "To": message.to,
    }
    if message.error_code:
        params["ErrorCode"] = message.error_code
    known = {"received_at": at, "own_id": own_id, "request_id": request_id}
    return MessageStatus.from_object(
        {"event_id": f"{message.sid}:{message.status}", "params": params, **known}
    )


def is_news(listed: str, known: str) -> bool:
    """Return whether a listed status is ahead of the one we know. A final failure is never taken back."""
    return known not in FAILED and rank_of(listed) >= _SENT and rank_of(listed) > rank_of(known)


def matched(
    sends: Iterable[UnknownSend], messages: Iterable[ListedMessage]
) -> list[tuple[str, ListedMessage]]:
    """Pair sends of unknown outcome with messages nobody knows.

    The list does not show our own id. Oldest first on both sides, so that equal texts keep their order.
    """
    left, pairs = sorted(messages, key=lambda message: message.created), []
    for send in sends:
        if found := next((message for message in left if _may_be(send, message)), None):
            left.remove(found)
            pairs.append((str(send.own_id), found))
    return pairs


def _may_be(send: UnknownSend, message: ListedMessage) -> bool:
    after = (message.created - send.intended_at).total_seconds()
    is_same = send.is_template or same_text(send.body, message.body)
    in_time = -_CLOCK_SECONDS <= after <= _LONGEST_CREATE_SECONDS
    return in_time and is_same and same_address(send.to_address, message.to)
