"""Reports read before the newest decision was: the send they bring is older than the conversation."""

from dataclasses import dataclass, field

from rules import inputs as i
from rules.events import Event
from rules.inputs import KnownSend
from rules.known_sends import KnownSends, newest, remember
from schemas.statuses import rank_of
from tests.support.chat import Chat, talking, types


@dataclass
class Behind:
    """A chat whose reports bring their send as its table had it when `look` was called."""

    chat: Chat
    sends: KnownSends = field(default_factory=dict)
    seen: dict[str, KnownSend | None] = field(default_factory=dict)

    def look(self, own_id: str) -> None:
        self.seen[own_id] = self.chat.known_send(own_id)

    def give(self, given: i.Input) -> list[Event]:
        before, given = self.chat.state, newest(self.sends, given)
        told = self.chat.give(given)
        for event in told:
            self.sends = remember(self.sends, before, event, given)
        return told

    def report(self, own_id: str, status: str, failure: i.FailureKind | None = None) -> list[str]:
        send = self.seen[own_id]
        return types(
            self.give(
                i.DeliveryReported(
                    sid="MM1",
                    own_id=own_id,
                    status=status,
                    rank=rank_of(status),
                    at=self.chat.now,
                    delivered=status == "delivered",
                    failure=None if failure is None else i.Failure(kind=failure),
                    send=send,
                )
            )
        )


def sending() -> tuple[Behind, str]:
    """An answer is on its way."""
    chat = talking()
    chat.write("¿precio?")
    chat.answer("Cuesta 20")
    [effect] = chat.sends()
    return Behind(chat), effect.part.own_id


def test_a_later_status_is_not_taken_back() -> None:
    behind, own_id = sending()
    behind.give(i.SendAccepted(own_id=own_id, sid="MM1"))
    behind.look(own_id)
    assert behind.report(own_id, "delivered") == ["delivered"]
    assert behind.report(own_id, "sent") == []
    assert behind.chat.tables.sends[own_id]["status"] == "delivered"


def test_a_failure_that_is_told_twice_brings_a_message_back_once() -> None:
    behind, own_id = sending()
    behind.give(i.SendAccepted(own_id=own_id, sid="MM1"))
    behind.look(own_id)
    assert behind.report(own_id, "undelivered", "slow") == ["failed"]
    assert behind.report(own_id, "undelivered", "slow") == []
    assert [len(back.parts) for back in behind.chat.state.came_back] == [1]


def test_a_report_that_was_read_before_the_acceptance_finds_its_message() -> None:
    behind, own_id = sending()
    behind.look(own_id)
    behind.give(i.SendAccepted(own_id=own_id, sid="MM1"))
    assert behind.report(own_id, "delivered") == ["delivered"]
    message = behind.chat.tables.sends[own_id]["message_id"]
    assert behind.chat.tables.messages[message]["delivered_at"] == behind.chat.now


def test_an_erased_send_is_not_remembered() -> None:
    behind, own_id = sending()
    behind.give(i.SendAccepted(own_id=own_id, sid="MM1"))
    before = behind.chat.state
    [erased] = behind.chat.command("erase")
    behind.sends = remember(behind.sends, before, erased, i.Recovered())
    behind.seen[own_id] = None
    assert behind.report(own_id, "delivered") == []


def test_a_failure_meets_its_send_as_it_stands_after_many_others() -> None:
    """While Postgres is slow, all their reports are read before the first one is written."""
    behind, first = sending()
    own_ids = [first]
    behind.give(i.SendAccepted(own_id=first, sid="MM1"))
    for place in range(10):
        behind.chat.write(f"¿y {place}?")
        behind.chat.answer("Sí")
        [effect] = behind.chat.sends()
        own_ids.append(effect.part.own_id)
        behind.give(i.SendAccepted(own_id=own_ids[-1], sid=f"MM{place + 2}"))
    for own_id in own_ids:
        behind.look(own_id)
    for own_id in own_ids:
        behind.report(own_id, "delivered")
    behind.report(first, "failed", "slow")
    assert behind.chat.state.came_back == ()
