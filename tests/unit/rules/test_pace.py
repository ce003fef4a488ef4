"""When a first message goes out: a campaign's pace, the client's night."""

from datetime import UTC, datetime, timedelta

from rules import effects as f
from rules import inputs as i
from tests.support.chat import START, Chat, policy_of, types

NIGHT = datetime(2026, 3, 3, 3, 0, tzinfo=UTC)
"""Ten in the evening in Bogotá."""
MORNING = datetime(2026, 3, 3, 13, 0, tzinfo=UTC)


def paced(**settings: object) -> Chat:
    chat = Chat(policy_of(campaign_messages_per_minute=1, **settings))
    chat.call(batch_id="b1")
    return chat


def slot(chat: Chat, minutes: float) -> list[str]:
    [reserve] = chat.wanted()
    assert isinstance(reserve, f.ReserveCampaignSlot), reserve
    at = chat.now + timedelta(minutes=minutes)
    return types(chat.give(i.CampaignSlot(turn_id=reserve.turn_id, at=at)))


def test_a_campaigns_first_messages_wait_for_their_slots() -> None:
    chat = paced()
    assert slot(chat, 2) == ["deferred"]
    assert chat.wanted() == []
    assert chat.due() == chat.now + timedelta(minutes=2)
    chat.passes(minutes=2)
    assert [type(effect) for effect in chat.wanted()] == [f.FetchDetails], "its slot is not asked for again"
    chat.greet()
    assert chat.state.turn is None


def test_a_slot_within_a_second_is_not_waited_for() -> None:
    assert slot(paced(), 1 / 60) == ["released"]


def test_calls_without_a_campaign_are_not_paced() -> None:
    chat = Chat(policy_of(campaign_messages_per_minute=1))
    chat.call()
    assert [type(effect) for effect in chat.wanted()] == [f.FetchDetails]


def test_a_client_who_writes_is_answered_although_the_campaign_is_paced() -> None:
    chat = paced()
    slot(chat, 60)
    assert types(chat.write("¿hola?")) == ["received", "released"]
    assert [type(effect) for effect in chat.wanted()] == [f.FetchDetails]
    chat.greet()
    chat.answer("Hola")
    chat.accept()
    assert chat.said()[1:] == ["Hola"]


def test_a_client_who_writes_before_the_slot_is_known_is_not_paced_either() -> None:
    chat = paced()
    chat.write("¿hola?")
    assert slot(chat, 60) == ["released"]


def test_at_night_a_first_message_waits_for_the_morning() -> None:
    chat = Chat(policy_of(quiet_hours="21:00-08:00"), now=NIGHT)
    assert types(chat.call()) == ["started", "deferred"]
    assert (chat.wanted(), chat.due()) == ([], MORNING)
    chat.now = MORNING
    assert types(chat.greet()) == ["details", "answered", "sent"]


def test_a_client_who_writes_at_night_gets_the_first_message_and_the_answer() -> None:
    chat = Chat(policy_of(quiet_hours="21:00-08:00"), now=NIGHT)
    chat.call()
    chat.write("¿hola?")
    chat.greet()
    chat.answer("Hola")
    chat.accept()
    assert chat.said()[1:] == ["Hola"]


def test_a_slot_in_the_night_is_worth_nothing_and_another_is_asked_for_in_the_morning() -> None:
    chat = paced(quiet_hours="21:00-08:00")
    assert slot(chat, 12 * 60) == ["deferred"]
    assert chat.due() == MORNING
    chat.now = MORNING
    assert slot(chat, 1) == ["deferred"]
    chat.passes(minutes=1)
    chat.greet()
    assert len(chat.said()) == 1


def test_a_first_message_that_a_new_owner_takes_up_at_night_waits() -> None:
    chat = Chat(policy_of(quiet_hours="21:00-08:00"))
    chat.call()
    chat.now = NIGHT
    assert types(chat.greet()) == ["details", "deferred"]
    chat.now = MORNING
    chat.greet()
    assert len(chat.said()) == 1


def test_a_first_message_that_waited_for_the_vendor_into_the_night_waits() -> None:
    chat = Chat(policy_of(quiet_hours="21:00-08:00"))
    chat.call()
    chat.give(i.DetailsFetched(call_id="conv_1", details=None))
    chat.now = NIGHT
    assert types(chat.take_slot()) == ["deferred"]
    assert chat.due() == MORNING
    chat.write("¿hola?")
    chat.accept()
    assert len(chat.said()) == 1, "who writes is awake"


def test_what_a_client_asks_for_at_night_comes_behind_the_first_message() -> None:
    chat = Chat(policy_of(quiet_hours="21:00-08:00"), now=NIGHT)
    chat.call()
    assert types(chat.write("asesor"))[:2] == ["received", "escalated"]
    chat.greet()
    chat.accept()
    assert [send["turn_kind"] for send in chat.tables.sends.values()] == ["call", "reply"]
    assert chat.state.status == "escalated"


def test_a_client_who_writes_while_something_is_said_again_ends_the_wait_behind_it() -> None:
    chat = Chat(policy_of(quiet_hours="21:00-08:00"))
    chat.now = START + timedelta(hours=10, minutes=58)  # 20:58 in Bogota
    chat.call()
    chat.greet()
    chat.now += timedelta(minutes=4)
    assert types(chat.call("conv_2")) == ["started", "deferred"]
    chat.fails(chat.sent_ids()[0], "slow", "63018")
    chat.now += timedelta(minutes=1)
    chat.give(i.TimerFired())
    assert [turn.kind for turn in chat.state.turns] == ["again", "call"]
    assert "released" in types(chat.write("hola, ¿siguen ahí?"))
    chat.accept()
    chat.greet()
    assert len(chat.said()) == 3
