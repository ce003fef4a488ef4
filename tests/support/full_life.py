"""One number's life, step by step. Nothing is really sent."""

from dataclasses import replace
from datetime import timedelta

from rules import inputs as i
from rules.turns import Part, Waiting
from tests.support.chat import Chat


def play(chat: Chat) -> None:
    """Play two calls, bursts, parts, unordered reports, refusals, an apology, a replay and an open turn."""
    is_called(chat, "c1")
    _writes_twice_at_once(chat)
    _gets_half_of_an_answer(chat)
    is_called(chat, "c2")
    _gets_an_apology(chat)
    _gets_what_was_held(chat)
    _gets_nothing_of_what_is_done_again(chat)
    _writes(chat, "¿y entonces?")


def is_called(chat: Chat, conversation: str) -> None:
    """End a call; its first message is sent and arrives."""
    key, name = chat.state.key, f"{conversation}{chat.state.key}"
    recipient = {"phone_number": key, "conversation_id": name, "status": "completed"}
    metadata = {"client_name": "Ana García", "group_id": 5}
    chat.call(name, recipient=recipient, batch_id="b", call_metadata=metadata, extra={"a": [1]})
    chat.greet()
    chat.report(chat.sent_ids()[-1], "delivered")


def _writes(chat: Chat, text: str) -> str:
    sid = f"SM{chat.sids():032x}"
    chat.now += timedelta(seconds=2)
    chat.write(text, sid, address=f"whatsapp:{chat.state.key}", request_id=f"r-{sid[-4:]}")
    return sid


def _writes_twice_at_once(chat: Chat) -> None:
    _writes(chat, "¿precio?")
    _writes(chat, "¿del plan oro?")
    chat.answer("uno\n\ndos\n\ntres")
    chat.accept()
    _, second, third = chat.sent_ids()[-3:]
    chat.report(second, "read")
    chat.report(second, "sent")
    chat.fails(third, "final", "63003")
    chat.accept()


def _gets_half_of_an_answer(chat: Chat) -> None:
    _writes(chat, "¿y con descuento?")
    chat.answer("uno\n\ndos")
    first = chat.sends()[0].part
    chat.give(i.SendAccepted(own_id=first.own_id, sid=f"MM{chat.sids():032x}"))
    chat.report(first.own_id, "sent")  # the next one waits for it
    chat.take_slot()
    _is_refused(chat)


def _is_refused(chat: Chat) -> None:
    part = chat.sends()[0].part
    chat.give(i.SendRefused(own_id=part.own_id, why="no", code="63003"))
    chat.accept()


def _gets_an_apology(chat: Chat) -> None:
    sid = _writes(chat, "¿hola?")
    chat.give(i.AgentFailed(question=(sid,), retryable=False, why="404", code="404", slot=True))
    chat.accept()


def _gets_what_was_held(chat: Chat) -> None:
    """Leave a send of unknown outcome to an operator; a report proves it, and the turn goes on."""
    chat.policy = replace(chat.policy, unknown_send="hold")
    _writes(chat, "¿sigue ahí?")
    chat.answer("uno\n\ndos")
    own_id = chat.sends()[0].part.own_id
    chat.give(i.SendUnknown(own_id=own_id, why="reset"))
    turn = chat.state.turn
    assert turn is not None
    chat.give(i.LookupDone(own_id=own_id, absent=True))
    parts: tuple[Part, ...] = (replace(turn.parts[0], state="unknown"), *turn.parts[1:])
    held = i.HeldTurn(turn=replace(turn, parts=parts))
    chat.report(own_id, "delivered", sid=f"MM{chat.sids():032x}", held=held)
    chat.accept()


def _gets_nothing_of_what_is_done_again(chat: Chat) -> None:
    sid = _writes(chat, "¿precio?")
    chat.answer("Cuesta 20")
    chat.accept()
    waiting = Waiting(kind="message", event_id=sid, at=chat.now, text="¿precio?", message_id=2)
    chat.give(i.ReplayWanted(replay="rp1", wants="again", waiting=waiting, identity=f"replay:rp1:{sid}"))
    chat.answer("Cuesta 30")
    _is_refused(chat)
