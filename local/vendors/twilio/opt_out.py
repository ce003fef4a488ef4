"""Advanced Opt-Out: Twilio answers STOP, START and HELP itself and keeps a list of who opted out."""

from local.vendors.twilio.messages import Message
from local.vendors.twilio.rules import People

_KEYWORDS = {
    "STOP": "STOP",
    "UNSUBSCRIBE": "STOP",
    "CANCEL": "STOP",
    "START": "START",
    "HELP": "HELP",
    "INFO": "HELP",
}
_REPLIES = {
    "STOP": "You have successfully been unsubscribed. Reply START to resubscribe.",
    "START": "You have successfully been re-subscribed.",
    "HELP": "Reply STOP to unsubscribe.",
}


def keyword(people: People, message: Message) -> str | None:
    """Return what a message means to Twilio's opt-out, and remember it.

    None if opt-out is off or the message is not a keyword.
    """
    kind = _KEYWORDS.get(message.body.strip().upper()) if people.opt_out != "off" else None
    pair = (message.from_, message.to)
    if kind == "STOP":
        people.stopped.add(pair)
    elif kind == "START":
        people.stopped.discard(pair)
    return kind


def reply_of(kind: str) -> str:
    """Return Twilio's own reply."""
    return _REPLIES[kind]
