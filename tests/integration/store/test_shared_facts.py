"""What conversations share: a campaign's pace, a lead's first message, the vendor's ids of a number."""

from datetime import timedelta

from db.pool import Pool
from db.store.load import clock
from db.store.lookups import first_follow_ups, sent_sids
from db.store.placement import reserve_campaign_slot
from tests.support.chat import NUMBER
from tests.support.stored_chat import StoredChat, stored_chat

_PACE = timedelta(minutes=1)


async def test_a_campaigns_slots_follow_each_other_and_another_campaign_has_its_own(pool: Pool) -> None:
    begun = await clock(pool)
    slots = [await reserve_campaign_slot(pool, "b1", _PACE) for _ in range(3)]
    assert timedelta() <= slots[0] - begun < _PACE
    assert [later - earlier for earlier, later in zip(slots, slots[1:], strict=False)] == [_PACE, _PACE]
    assert await reserve_campaign_slot(pool, "b2", _PACE) < slots[1]


async def test_a_campaign_that_paused_begins_at_once(pool: Pool) -> None:
    await pool.execute("INSERT INTO conversation_campaign VALUES ('b1', '2020-01-01')")
    assert await reserve_campaign_slot(pool, "b1", _PACE) >= await clock(pool) - _PACE


async def _attempt(pool: Pool) -> StoredChat:
    """A call that never connected, and its first message."""
    chat = await stored_chat(pool)
    recipient = {"phone_number": NUMBER, "conversation_id": "conv_1", "status": "no_response", "id": "lead_1"}
    chat.call("conv_1", recipient=recipient, batch_id="b1")
    chat.greet()
    await chat.save()
    return chat


async def test_a_leads_first_message_is_found_by_its_campaign_and_recipient(pool: Pool) -> None:
    await _attempt(pool)
    leads = [("b1", "lead_1"), ("b1", "lead_2"), ("b2", "lead_1")]
    [sid] = await sent_sids(pool, [NUMBER])
    assert await first_follow_ups(pool, leads) == {("b1", "lead_1"): sid}


async def test_a_lead_whose_message_did_not_go_out_is_followed_up_again(pool: Pool) -> None:
    chat = await stored_chat(pool)
    recipient = {"phone_number": NUMBER, "conversation_id": "conv_1", "status": "no_response", "id": "lead_1"}
    chat.call("conv_1", recipient=recipient, batch_id="b1")
    await chat.save()
    assert await first_follow_ups(pool, [("b1", "lead_1")]) == {}
    assert await sent_sids(pool, [NUMBER]) == set()
