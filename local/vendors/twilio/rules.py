"""What Twilio and WhatsApp do with a create: refuse it at once, or accept it and fail it later. Pure."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from local.vendors.twilio.errors import Refusal
from local.vendors.twilio.identities import Identities
from local.vendors.twilio.limits import AccountTrouble, TierLimit
from local.vendors.twilio.messages import Message
from local.vendors.twilio.templates import Templates, parse_variables

WHATSAPP = "whatsapp:"
_LONGEST_BODY = 1600
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
# A person without a visible number: country, dot, id.
_USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_WINDOW = timedelta(hours=24)
_OUTSIDE_WINDOW = 63016
_UNSUBSCRIBED = 21610
_NO_NUMBER = 21211
_NOT_ON_WHATSAPP = 63003
_TOO_MANY_TO_ONE = 63018
_LOUD_SYNC = frozenset({63007})
"""The codes of the 63… family that are refused at once; all others come by callback."""


@dataclass(slots=True, kw_only=True)
class NumberRule:
    """What happens to messages for a number."""

    code: int
    #: sync or async.
    when: str
    #: How many more times; -1 means without limit.
    count: int = -1

    def taken(self, when: str) -> int | None:
        """Return the code if the rule applies now."""
        if self.when != when or self.count == 0:
            return None
        self.count -= self.count > 0
        return self.code


def when_by_default(code: int) -> str:
    """Return when a code comes, according to Twilio's documentation."""
    return "async" if code // 1000 in (30, 63) and code not in _LOUD_SYNC else "sync"


@dataclass(slots=True)
class PairRate:
    """WhatsApp's limit on messages to one person (Meta's 131056)."""

    #: How many may come at once; 0 means no limit.
    burst: int = 0
    #: After that, one message per this many seconds.
    seconds: float = 6.0
    when: str = "async"  # or sync
    _used: dict[str, tuple[float, float]] = field(default_factory=dict)  # by number: level, and since when

    def exceeded(self, to: str, when: str) -> int | None:
        """Count a message; return the code if it is one too many."""
        if not self.burst or when != self.when:
            return None
        level, at = self._used.get(to, (0.0, time.monotonic()))
        level = max(0.0, level - (time.monotonic() - at) / self.seconds)
        is_too_much = level + 1 > self.burst
        self._used[to] = (level + (not is_too_much), time.monotonic())
        return _TOO_MANY_TO_ONE if is_too_much else None


@dataclass(slots=True)
class People:
    """What is known of clients. Keys are Twilio's addresses (`whatsapp:+…`) unless noted otherwise."""

    window: bool = False
    opt_out: str = "off"  # off; sync, async: how creates for people who sent STOP are refused
    rules: dict[str, NumberRule] = field(default_factory=dict)  # by number, without the prefix
    last_inbound: dict[tuple[str, str], datetime] = field(default_factory=dict)  # by (client, our sender)
    stopped: set[tuple[str, str]] = field(default_factory=set)
    pair: PairRate = field(default_factory=PairRate)
    tier: TierLimit = field(default_factory=TierLimit)
    account: AccountTrouble = field(default_factory=AccountTrouble)
    identities: Identities = field(default_factory=Identities)

    def of_account(self, when: str) -> int | None:
        """Return the code with which the account is refused at that moment, if any."""
        return self.account.when(when, when_by_default(self.account.code or 0))

    def rule(self, to: str, when: str) -> int | None:
        rule = self.rules.get(to.removeprefix(WHATSAPP))
        return rule.taken(when) if rule else None

    def open_window(self, client: str, sender: str, at: datetime) -> bool:
        """Return whether free text is allowed: within 24 h of the client's last message to this sender."""
        return not self.window or self.wrote(client, sender, at)

    def wrote(self, client: str, sender: str, at: datetime) -> bool:
        """Return whether the client has written within the last 24 h."""
        last = self.last_inbound.get((client, sender))
        return last is not None and at - last < _WINDOW


def refusal(
    form: Mapping[str, str], senders: set[str], templates: Templates, people: People
) -> Refusal | None:
    """Judge a create before it is accepted."""
    to, sender = form.get("To", ""), form.get("From", "")
    if code := people.of_account("sync"):
        return Refusal(400, code)
    if code := people.rule(to, "sync"):
        return _no_number(to) if code == _NO_NUMBER else Refusal(400, code)
    if not _is_address(to) or (_is_user_id(to) and not people.identities.sendable):
        return _no_number(to)
    if not sender.startswith(WHATSAPP):
        return Refusal(400, 21910)
    if sender not in senders:
        return Refusal(400, 63007)
    if people.opt_out == "sync" and (to, sender) in people.stopped:
        return Refusal(400, _UNSUBSCRIBED)
    if problem := _content_refusal(form, templates):
        return problem
    return Refusal(429, code) if (code := people.pair.exceeded(to, "sync")) else None


def _no_number(to: str) -> Refusal:
    return Refusal(400, _NO_NUMBER, f"The 'To' number {to} is not a valid phone number.")


def _content_refusal(form: Mapping[str, str], templates: Templates) -> Refusal | None:
    content_sid = form.get("ContentSid")
    if content_sid:
        return templates.refusal(content_sid, parse_variables(form.get("ContentVariables")))
    if form.get("ContentVariables"):
        return Refusal(400, 21654)
    if not form.get("Body") and not form.get("MediaUrl"):
        return Refusal(400, 21602)
    return Refusal(400, 21617) if _units(form.get("Body", "")) > _LONGEST_BODY else None


def failure(message: Message, templates: Templates, people: People) -> int | None:
    """Return the code with which an accepted message fails later, or None if it arrives."""
    if code := people.of_account("async") or people.rule(message.to, "async"):
        return code
    if people.identities.is_left(message.to):
        return _NOT_ON_WHATSAPP
    if code := people.pair.exceeded(message.to, "async"):
        return code
    if people.opt_out == "async" and (message.to, message.from_) in people.stopped:
        return _UNSUBSCRIBED
    if not people.wrote(message.to, message.from_, message.created) and (
        code := people.tier.exceeded(message.to)
    ):
        return code
    if message.content_sid:
        return templates.failure(message.content_sid, message.content_variables)
    return None if people.open_window(message.to, message.from_, message.created) else _OUTSIDE_WINDOW


def _is_address(to: str) -> bool:
    number = to.removeprefix(WHATSAPP)
    return to != number and bool(_NUMBER.fullmatch(number) or _USER_ID.fullmatch(number))


def _is_user_id(to: str) -> bool:
    return bool(_USER_ID.fullmatch(to.removeprefix(WHATSAPP)))


def _units(text: str) -> int:
    """Return the length in UTF-16 units: emoji count more than once (errors/21617)."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
