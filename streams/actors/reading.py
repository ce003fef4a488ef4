"""Turns events into inputs: what an input carries beyond its event is fetched for many at once."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Final, get_args
from uuid import UUID

import structlog

from db.pool import Pool
from db.store.load import load_conversations
from db.store.lookups import first_follow_ups, quoted_texts, sends_by_own_id, sends_by_sid
from db.store.rows import ConversationRow
from rules import inputs as i
from rules.inbound import described, quoted_sid
from rules.known_sends import KnownSends
from rules.letters import claim_of, hand_over_of
from rules.policy import Policy
from schemas.commands import (
    FORWARD,
    LINK,
    NOTE_DETAILS,
    TAKE_OVER,
    ConversationCommand,
    OperatorCommand,
)
from schemas.events import CallCompleted, InboundMessage, MessageStatus
from schemas.models import TakenUp
from schemas.phone import LinkedKeys, linked_keys, masked
from schemas.rows import Json
from streams.actors.records import Arrived
from streams.actors.replayed import Replayed, held_turns, wanted
from streams.actors.reports import known_send, report_of, send_of
from streams.actors.values import Told

log = structlog.get_logger()

_OPERATORS: Final = get_args(OperatorCommand)


class InputReader:
    """Reader of events' inputs, which it returns in the events' order.

    Args:
        until_calls_read: waits until the calls published before have been handed over.
        remembered: a number's sends that are in memory and durable, which need not be read.
        report_read: called with each report, its send and the key of its conversation.
        until_messages_read: waits until these keys' messages published before have been handed over.
    """

    def __init__(
        self,
        pool: Pool,
        policy: Policy,
        until_calls_read: Callable[[], Awaitable[None]],
        remembered: Callable[[str], KnownSends] = lambda key: {},
        report_read: Callable[[MessageStatus, i.KnownSend | None, str], object] = lambda report, send, key: (
            None
        ),
        until_messages_read: Callable[[Collection[str]], Awaitable[None]] | None = None,
    ) -> None:
        self._pool = pool
        self._policy = policy
        self._until_calls_read = until_calls_read
        self._remembered = remembered
        self._report_read = report_read
        self._until_messages_read = until_messages_read

    async def calls(self, arrived: Sequence[Arrived]) -> list[Told]:
        """Return the inputs of calls, each with the conversation's previous call."""
        rows = await load_conversations(self._pool, sorted({each.key for each in arrived}))
        leads = [lead for each in arrived if (lead := _lead(each.event, self._policy)) is not None]
        followed = await first_follow_ups(self._pool, leads) if leads else {}
        return await self._as_wanted(
            arrived, [self._call(each, rows.get(each.key), followed) for each in arrived]
        )

    def _call(
        self, arrived: Arrived, row: ConversationRow | None, followed: dict[tuple[str, str], str]
    ) -> Told:
        call = arrived.event
        assert isinstance(call, CallCompleted), "of the topic call-completed"
        lead = _lead(call, self._policy)
        given = i.CallEnded(
            call=call,
            received_at=arrived.at,
            former=_former(row) if row is not None else None,
            followed_up=followed.get(lead) if lead is not None else None,
            request_id=arrived.request_id,
            trace=arrived.trace,
        )
        return Told(given=given, event=("call", call.event_id))

    async def messages(self, arrived: Sequence[Arrived]) -> list[Told]:
        """Return the inputs of clients' messages, each with the text that it quotes."""
        quoting = [each for each in arrived if _quoted(each) is not None]
        texts = await self._quoted_texts(quoting) if quoting else {}
        return await self._as_wanted(arrived, [self._message(each, texts) for each in arrived])

    async def _as_wanted(self, arrived: Sequence[Arrived], told: list[Told]) -> list[Told]:
        """Return the same, except for events of which a replay wants more than a redelivery does."""
        marked = {
            place: Replayed(each.key, each.mark, told[place])
            for place, each in enumerate(arrived)
            if each.mark is not None and each.mark.wants != "open"
        }
        found = await wanted(self._pool, list(marked.values())) if marked else []
        instead = dict(zip(marked, found, strict=True))
        return [instead.get(place, each) for place, each in enumerate(told)]

    async def _quoted_texts(self, quoting: Sequence[Arrived]) -> dict[tuple[str, str], str]:
        rows = await load_conversations(self._pool, sorted({each.key for each in quoting}))
        wanted = {
            (row.id, sid): (each.key, sid)
            for each in quoting
            if (row := rows.get(each.key)) is not None and (sid := _quoted(each)) is not None
        }
        found = await quoted_texts(self._pool, list(wanted))
        return {wanted[place]: text for place, text in found.items()}

    def _message(self, arrived: Arrived, texts: dict[tuple[str, str], str]) -> Told:
        message = arrived.event
        assert isinstance(message, InboundMessage), "of the topic inbound-message"
        params, quoted = message.params, _quoted(arrived)
        given = i.MessageReceived(
            event_id=message.event_id,
            address=params.get("From", ""),
            text=described(params),
            received_at=message.received_at,
            intent=self._policy.keywords.intent(params),
            is_reply=quoted is not None,
            quoted=texts.get((arrived.key, quoted)) if quoted is not None else None,
            backfilled=message.backfilled,
            replay=arrived.mark.replay if arrived.mark else None,
            request_id=message.request_id or arrived.request_id,
            trace=arrived.trace,
            params=dict(params) if params.get("NumMedia", "0") != "0" else None,
            linked=(linked := _linked(message)).keys,
            parent=linked.parent,
            via=message.sender if message.person is not None else None,
            message=message,
            mark=arrived.mark.text if arrived.mark else None,
        )
        return Told(given=given, event=("message", message.event_id))

    async def reports(self, arrived: Sequence[Arrived]) -> list[Told]:
        """Return the inputs of delivery reports, each with its send."""
        keyed = [(each.key, each.event) for each in arrived if isinstance(each.event, MessageStatus)]
        events = [event for _, event in keyed]
        told = [self._report_of_remembered(key, event) for key, event in keyed]
        rest = iter(
            await self._read_reports(
                [event for event, known in zip(events, told, strict=True) if known is None]
            )
        )
        return [next(rest) if known is None else known for known in told]

    def _report_of_remembered(self, key: str, event: MessageStatus) -> Told | None:
        send = None if event.own_id is None else self._remembered(key).get(event.own_id)
        if send is None:
            return None
        self._report_read(event, send, key)
        return Told(given=report_of(event, send, None))

    async def _read_reports(self, events: Sequence[MessageStatus]) -> list[Told]:
        own_ids = {UUID(event.own_id) for event in events if event.own_id is not None}
        sids = {sid for event in events if event.own_id is None and (sid := event.params.get("MessageSid"))}
        by_own = await sends_by_own_id(self._pool, sorted(own_ids)) if own_ids else {}
        by_sid = await sends_by_sid(self._pool, sorted(sids)) if sids else {}
        sends = [send_of(event, by_own, by_sid) for event in events]
        for event, send in zip(events, sends, strict=True):
            self._report_read(
                event, known_send(send) if send else None, send.phone_number if send else event.key
            )
        held = await held_turns(self._pool, [send for send in sends if send is not None])
        return [
            Told(
                given=report_of(
                    event, known_send(send) if send else None, held.get(send.turn_id) if send else None
                )
            )
            for event, send in zip(events, sends, strict=True)
        ]

    async def commands(self, arrived: Sequence[Arrived]) -> list[Told]:
        """Return the inputs of operators' commands, and of what one person's addresses tell each other.

        That a number has no conversation is certain only once the calls before are read.
        """
        told = {each.key for each in arrived if _command_of(each).command in (LINK, TAKE_OVER, FORWARD)}
        if told and self._until_messages_read is not None:  # what the person wrote before comes first
            await self._until_messages_read(told)
        asked = sorted({each.key for each in arrived if _command_of(each).command in _OPERATORS})
        rows = await load_conversations(self._pool, asked) if asked else {}
        if any(key not in rows for key in asked):
            await self._until_calls_read()
        passed_on = await self._passed_on([_passed_on(each) for each in arrived])
        return [
            _command(each) if brought is None else brought
            for each, brought in zip(arrived, passed_on, strict=True)
        ]

    async def _passed_on(self, brought: Sequence[Arrived | None]) -> list[Told | None]:
        """Return what came for a person's other address, read as if it had come here."""
        found: dict[int, Told] = {}
        for kind, read in (
            (InboundMessage, self.messages),
            (CallCompleted, self.calls),
            (MessageStatus, self.reports),
        ):
            places = [
                place
                for place, each in enumerate(brought)
                if each is not None and isinstance(each.event, kind)
            ]
            if places:
                found |= zip(
                    places, await read([each for place in places if (each := brought[place])]), strict=True
                )
        return [found.get(place) for place in range(len(brought))]


def _quoted(arrived: Arrived) -> str | None:
    return quoted_sid(arrived.event.params) if isinstance(arrived.event, InboundMessage) else None


def _lead(event: TakenUp, policy: Policy) -> tuple[str, str] | None:
    """Return (batch, recipient) of a call that never connected: its lead is followed up once."""
    if not isinstance(event, CallCompleted) or event.batch_id is None or event.recipient.id is None:
        return None
    opening = policy.statuses.opening(event.status)
    return (event.batch_id, event.recipient.id) if opening and opening.template == "no_answer" else None


def _former(row: ConversationRow) -> Json:
    return {
        "elevenlabs_conversation_id": row.elevenlabs_conversation_id,
        "agent_id": row.agent_id,
        "batch_id": row.batch_id,
        "recipient_id": row.recipient_id,
        "started_at": row.started_at.isoformat() if row.started_at else None,
        "call_summary": row.call_summary,
        "call_duration_secs": row.call_duration_secs,
    }


def _linked(message: InboundMessage) -> LinkedKeys:
    found = linked_keys(message.params)
    if found.odd:
        log.warning(
            "what names a sender's other address is none", parameters=found.odd, number=masked(message.sender)
        )
    return found


def _command_of(arrived: Arrived) -> ConversationCommand:
    assert isinstance(arrived.event, ConversationCommand), "of the topic conversation-command"
    return arrived.event


def _passed_on(arrived: Arrived) -> Arrived | None:
    """Return what came for another of the person's addresses, as it came there; None if nothing did."""
    command = _command_of(arrived)
    event = command.message or command.call or command.report
    if command.command != FORWARD or event is None:
        return None
    return replace(arrived, event=event, owner=command.key)


def _command(arrived: Arrived) -> Told:
    command = _command_of(arrived)
    identity = ("command", command.command_id)
    if command.command == LINK and command.link is not None:
        claim = claim_of(command.claim, command.key)
        told = i.LinkTold(number=command.link, command_id=command.command_id, claim=claim, command=command)
        return Told(given=told, event=identity)
    if command.command == FORWARD and command.buried is not None:
        return _buried(command.buried)
    if command.command == TAKE_OVER and command.link is not None:
        over = hand_over_of(command.hand_over or {})
        return Told(
            given=i.HandedOver(key=command.link, command_id=command.command_id, over=over), event=identity
        )
    if command.command == NOTE_DETAILS and (noted := command.details) is not None:
        details = i.CallDetails(
            call_id=noted.call_id, summary=noted.summary, duration_secs=noted.duration_secs, kept=noted.kept
        )
        return Told(given=i.DetailsTold(details=details, command=command))
    given = i.CommandGiven(
        command=command, received_at=arrived.at, request_id=arrived.request_id, trace=arrived.trace
    )
    return Told(given=given, event=identity)


def _buried(message: InboundMessage) -> Told:
    given = i.MessageBuried(
        event_id=message.event_id,
        received_at=message.received_at,
        address=message.params.get("From", ""),
        via=message.sender,
        request_id=message.request_id,
    )
    return Told(given=given, event=("message", given.identity))
