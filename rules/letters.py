"""What the actors of one person's addresses tell each other: commands of nobody's, published under the other's key.

They come at least once, in the order of the outbox. What is done about one is remembered by its id.
"""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import TypeAdapter

from rules.draft import Draft
from rules.lengths import LONGEST_TEXT
from rules.state import HandOver, Letter, Waiting, replace
from schemas.events import FORWARD, LINK, TAKE_OVER, ConversationCommand, InboundMessage
from schemas.rows import Json

_BY: Final = "whatsapp-microservice"
# Characters of texts in one piece: in JSON at most some 200 kB, below what a record may have where it is read.
_MOST_TEXT: Final = 2 * LONGEST_TEXT
# Of short messages, whose ids and times weigh more than their texts.
_MOST_WAITING: Final = 50
# As wide as an id may be.
_LONGEST_ID: Final = 255
_HAND_OVER: Final = TypeAdapter(HandOver)


def link(draft: Draft, key: str, message_sid: str) -> Letter:
    """Notify an id that it is this number's. What was erased since may be linked again, by another message."""
    return _letter(draft, f"{LINK}:{key}:{message_sid}"[:_LONGEST_ID], LINK, key)


def erasure(draft: Draft, key: str, given: ConversationCommand) -> Letter:
    """Have another address erased with this one; that the person wants no messages stays there as well."""
    kept = _HAND_OVER.dump_python(HandOver(opt_out=draft.state.opt_out), mode="json", exclude_defaults=True)
    return _letter(draft, f"{given.command_id}:{key}"[-_LONGEST_ID:], "erase", key, by=given.by, hand_over=kept)


def message(draft: Draft, number: str, received: InboundMessage, identity: str, mark: str | None) -> Letter:
    """Pass a client's message on, under its own id. `identity`: of this repetition, where a replay brings it."""
    theirs = received.model_copy(update={"person": number}).model_dump(mode="json")
    letter = _letter(draft, received.event_id, FORWARD, number, message=theirs)
    return replace(letter, id=passed_on(identity), mark=mark)


def passed_on(identity: str) -> str:
    """Return the id of the letter that passes something on."""
    return f"{FORWARD}:{identity}"


def command(number: str, given: ConversationCommand) -> Letter:
    """Pass an operator's command on, under its own id; the position that it knows is another conversation's."""
    body = given.model_dump(mode="json") | {"phone_number": number, "seen": None}
    return Letter(id=passed_on(given.command_id), command=body)


def take_over(draft: Draft, number: str, over: HandOver, piece: int = 0) -> Letter:
    """Forward something to the number. The id names the event that tells of it, of which there is one."""
    name = f"{TAKE_OVER}:{draft.state.id}:{draft.state.number + 1}:{piece}"
    given = _HAND_OVER.dump_python(over, mode="json", exclude_defaults=True)
    return _letter(draft, name, TAKE_OVER, number, hand_over=given)


def hand_over_of(given: Json) -> HandOver:
    """Read what `take_over` wrote.

    Raises:
        ValueError: it is nothing of the kind.
    """
    return _HAND_OVER.validate_python(given)


def hand_over(draft: Draft, number: str) -> tuple[Letter, ...]:
    """Hand over all that is open, in as many pieces as fit into records."""
    state, pieces = draft.state, list(_pieces(draft.state.inbox))
    whole = HandOver(
        conversation_id=state.id if state.has_begun else None,
        opt_out=state.opt_out,
        last_inbound_at=state.last_inbound_at,
        has_begun=state.has_begun,
        client_name=state.client_name,
        agent_id=state.agent_id,
        escalated=state.has_begun and state.status == "escalated",
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


def _letter(draft: Draft, name: str, kind: str, key: str, **more: Any) -> Letter:  # noqa: ANN401 - JSON values
    common: Json = {"command_id": name, "phone_number": key, "command": kind, "by": _BY, "at": draft.now.isoformat()}
    return Letter(id=name, command=common | {"link": draft.state.key} | more)
