"""All messages in the order in which they came to be: the oracle of tests and of the demo."""

from collections import defaultdict
from datetime import datetime, timedelta

from local.twilio.messages import Json, Message, now

WINDOW = timedelta(hours=24)
"""WhatsApp's customer service window."""


class Ledger:
    """Accepted creates and clients' messages. Nothing is removed except by `clear`."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._by_sid: dict[str, Message] = {}
        self._by_client: dict[str, list[Message]] = defaultdict(list)

    def add(self, message: Message) -> Message:
        self.messages.append(message)
        self._by_sid[message.sid] = message
        self._by_client[message.client].append(message)
        return message

    def get(self, sid: str) -> Message | None:
        """Give a message that was not deleted."""
        message = self._by_sid.get(sid)
        return None if message is None or message.deleted else message

    def newest_first(self, to: str | None, from_: str | None, until: datetime) -> list[Message]:
        """Give the messages between two addresses up to a moment, as Twilio's list orders them."""
        known = next((address for address in (to, from_) if address in self._by_client), None)
        several = self._by_client[known] if known else self.messages
        return [
            message
            for message in reversed(several)
            if to in (None, message.to)
            and from_ in (None, message.from_)
            and message.created <= until
            and not message.deleted
        ]

    def window_is_open(self, client: str) -> bool:
        """Tell whether a client wrote within the last 24 hours."""
        oldest = now() - WINDOW
        return any(m.direction == "inbound" and m.created > oldest for m in self._by_client.get(client, ()))

    def rows(self, number: str | None, since: str | None) -> list[Json]:
        """Give rows in order. `since`: a row's `seq` (later ones are given), or an ISO 8601 time."""
        after, moment = (int(since), None) if since and since.isdecimal() else (-1, since)
        earliest = datetime.fromisoformat(moment) if moment else None
        return [
            message.as_row(seq)
            for seq, message in enumerate(self.messages)
            if seq > after
            and (earliest is None or message.created >= earliest)
            and (number is None or message.client.removeprefix("whatsapp:") == number)
        ]

    def clear(self) -> None:
        self.messages.clear()
        self._by_sid.clear()
        self._by_client.clear()
