"""A client's message as the journal keeps it. Pure."""

from typing import Any

from schemas.events import InboundMessage
from streams.conversation.inbound import described, quoted_sid
from streams.conversation.keywords import Keywords


def message_input(
    message: InboundMessage,
    keywords: Keywords,
    request_id: str | None,
    replay: str | None = None,
    trace: str | None = None,
) -> dict[str, Any]:
    """Give the journal's input.

    Args:
        request_id: the record's, where the event has none of its own.
        replay: which replay, or `dead-letter`, brought it again.
        trace: the record's `traceparent`.
    """
    intent, quoted = keywords.intent(message.params), quoted_sid(message.params)
    more = ({"intent": intent.as_json()} if intent else {}) | ({"quotes": quoted} if quoted else {})
    more |= ({"replay": replay} if replay else {}) | ({"trace": trace} if trace else {})
    return {
        "event_id": message.event_id,
        "address": message.params.get("From", ""),
        "received_at": message.received_at,
        "text": described(message.params),
        "request_id": message.request_id or request_id,
        "backfilled": message.backfilled,
        "params": message.params,
    } | more
