"""What the actors of one person's addresses tell each other: commands that no operator gave.

They are published under the other address' key and come at least once, in the order of the outbox. What is
done about one is remembered by its id.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter

from rules.draft import Draft
from rules.lengths import LONGEST_TEXT
from rules.person import Claim, HandOver, Letter
from rules.state import Conversation, replace
from rules.turns import Waiting
from schemas.commands import FORWARD, LINK, TAKE_OVER, ConversationCommand
from schemas.events import CallCompleted, InboundMessage, MessageStatus
from schemas.rows import Json

_BY: Final = "whatsapp-microservice"
# Characters of texts in one piece: as JSON at most some 200 kB, below the limit for records where it is read.
_MOST_TEXT: Final = 2 * LONGEST_TEXT
# Messages in one piece; the ids and times of short ones weigh more than their texts.
_MOST_WAITING: Final = 50
# As wide as an id may be.
_LONGEST_ID: Final = 255
_HAND_OVER: Final = TypeAdapter(HandOver)
_CLAIM: Final = TypeAdapter(Claim)


def link(draft: Draft, key: str, message_sid: str, claim: Claim) -> Letter:
    """Tell an address that it is the same person's as this one.

    After an erasure, another message may link it again.
    """
    told = replace(claim, called_at=called_at(draft.state), conversation_id=draft.state.id)
    given = _CLAIM.dump_python(told, mode="json", exclude_defaults=True)
    return _letter(draft, f"{LINK}:{key}:{message_sid}"[:_LONGEST_ID], LINK, key, claim=given)


def called_at(state: Conversation) -> datetime | None:
    """Return when the conversation's newest call ended; None if there was none."""
    return state.started_at if state.elevenlabs_conversation_id else None


def claim_of(given: Json | None, key: str) -> Claim:
    """Read what `link` wrote; of builds that wrote none, it is about the address itself.

    Raises:
        ValueError: it is not a claim.
    """
    return Claim(about=key) if given is None else _CLAIM.validate_python(given)


def heir(draft: Draft, key: str, number: str) -> Letter:
    """Redirect an address that led here to the number that this one belongs to."""
    claim = Claim(about=draft.state.key, heir_of=draft.state.key)
    name = f"{LINK}:{draft.state.id}:{draft.state.number + 1}:{key}"
    letter = _letter(
        draft, name, LINK, key, claim=_CLAIM.dump_python(claim, mode="json", exclude_defaults=True)
    )
    return replace(letter, command=letter.command | {"link": number})


def link_on(key: str, given: ConversationCommand) -> Letter:
    """Pass on what this address was told, to the one that it belongs to."""
    body = given.model_dump(mode="json") | {"phone_number": key}
    return Letter(id=passed_on(given.command_id), command=body)


def erasure(draft: Draft, key: str, given: ConversationCommand) -> Letter:
    """Have another address erased with this one; the person's opt-out stays there as well.

    An address that led here before this one was led on may have been led on, too, by then: it is told in the
    name of the address that this one belongs to.
    """
    root = draft.state.merged_into or draft.state.merging_into
    link = draft.state.key if root in (None, key) else root
    kept = _HAND_OVER.dump_python(HandOver(opt_out=draft.state.opt_out), mode="json", exclude_defaults=True)
    name = f"{given.command_id}:{key}"[-_LONGEST_ID:]
    until = given.spooled_until
    return _letter(draft, name, "erase", key, by=given.by, hand_over=kept, link=link, spooled_until=until)


def message(draft: Draft, number: str, received: InboundMessage, identity: str, mark: str | None) -> Letter:
    """Pass a client's message on, under its own id. `identity`: of this repetition, if a replay brings it."""
    letter = _forward(draft, number, received.event_id, message=_theirs(received, number))
    return replace(letter, id=passed_on(identity), mark=mark)


def buried(draft: Draft, number: str, received: InboundMessage, identity: str) -> Letter:
    """Pass on that a client's message is a dead letter."""
    return _forward(draft, number, identity, buried=_theirs(received, number))


def call(draft: Draft, number: str, ended: CallCompleted) -> Letter:
    """Pass on that the person was called at this address."""
    return _forward(draft, number, ended.event_id, call=ended.model_dump(mode="json"))


def report(draft: Draft, number: str, told: MessageStatus) -> Letter:
    """Pass on what became of a message to this address."""
    return _forward(draft, number, told.event_id, report=told.model_dump(mode="json"))


def _forward(draft: Draft, number: str, name: str, **what: Json) -> Letter:
    letter = _letter(draft, name[-_LONGEST_ID:], FORWARD, number, **what)
    return replace(letter, id=passed_on(name))


def _theirs(received: InboundMessage, number: str) -> Json:
    return received.model_copy(update={"person": number}).model_dump(mode="json")


def passed_on(identity: str) -> str:
    """Return the id of the letter that passes something on."""
    return f"{FORWARD}:{identity}"


def command(number: str, given: ConversationCommand) -> Letter:
    """Pass an operator's command on, under its own id.

    The position that it has seen is another conversation's.
    """
    body = given.model_dump(mode="json") | {"phone_number": number, "seen": None}
    return Letter(id=passed_on(given.command_id), command=body)


def take_over_on(draft: Draft, key: str, number: str, command_id: str, over: HandOver) -> Letter:
    """Pass on what another address handed over here too late. `key`: of that address."""
    given = _HAND_OVER.dump_python(replace(over, wanted_by=None), mode="json", exclude_defaults=True)
    letter = _letter(draft, command_id, TAKE_OVER, number, hand_over=given)
    return replace(letter, id=passed_on(command_id), command=letter.command | {"link": key})


def take_over(draft: Draft, number: str, over: HandOver, piece: int = 0) -> Letter:
    """Hand something over to the number. The id names the one event that tells of it."""
    name = f"{TAKE_OVER}:{draft.state.id}:{draft.state.number + 1}:{piece}"
    given = _HAND_OVER.dump_python(over, mode="json", exclude_defaults=True)
    return _letter(draft, name, TAKE_OVER, number, hand_over=given)


def hand_over_of(given: Json) -> HandOver:
    """Read what `take_over` wrote.

    Raises:
        ValueError: it is not a hand-over.
    """
    return _HAND_OVER.validate_python(given)


def hand_over(draft: Draft, number: str) -> tuple[Letter, ...]:
    """Hand over everything that is open, in pieces that fit into records."""
    state, pieces = draft.state, list(_pieces(draft.state.inbox))
    whole = HandOver(
        conversation_id=state.id if state.has_begun else None,
        opt_out=state.opt_out,
        opted_in_at=state.opted_in_at,
        last_inbound_at=state.last_inbound_at,
        has_begun=state.has_begun,
        client_name=state.client_name,
        agent_id=state.agent_id,
        escalated=state.has_begun and state.status == "escalated",
        links=tuple(each.key for each in state.links if each.state != "refused"),
        address=state.address,
        wanted_by=state.merging_for,
    )
    last = len(pieces) - 1
    return tuple(
        take_over(draft, number, replace(whole, inbox=piece, more=place < last), place)
        for place, piece in enumerate(pieces)
    )


def _pieces(inbox: tuple[Waiting, ...]) -> Iterator[tuple[Waiting, ...]]:
    piece: list[Waiting] = []
    size = 0
    for waiting in inbox:
        size += len(waiting.text)
        if piece and (size > _MOST_TEXT or len(piece) == _MOST_WAITING):
            yield tuple(piece)
            piece, size = [], len(waiting.text)
        piece.append(waiting)
    yield tuple(piece)


def _letter(draft: Draft, name: str, kind: str, key: str, **more: Any) -> Letter:  # noqa: ANN401 - JSON
    common: Json = {
        "command_id": name,
        "phone_number": key,
        "command": kind,
        "by": _BY,
        "at": draft.now.isoformat(),
    }
    return Letter(id=name, command=common | {"link": draft.state.key} | more)
