"""A burst is waited for, but only so long, only by its own number, and never by a command."""

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from schemas.documents import now
from schemas.errors import Fenced
from schemas.events import InboundMessage
from schemas.settings import Settings, load_settings
from streams.conversation.burst import wait_seconds
from streams.engine.mailbox import Mailboxes
from streams.engine.work import Batch, Queued, TopicPartition, WorkItem
from streams.vendors.twilio_typing import TwilioTyping, messaging_host
from streams.worker.bursts import Bursts
from tests.support.deadline import eventually

SOURCE = TopicPartition("inbound-message", 0)
AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def second(of: float) -> datetime:
    return AT + timedelta(seconds=of)


@pytest.mark.parametrize(
    ("first", "newest", "at", "seconds"),
    [
        (0, 0, 0, 3),
        (0, 2, 2, 3),
        (0, 2, 4, 1),
        (0, 2, 5, 0),
        (0, 9, 9, 1),  # the most is over before the silence
        (0, 20, 20, 0),
        (0, 0, 3600, 0),  # it waited in the log
        (0, 0, -3600, 3),  # a clock that was put back
    ],
)
def test_the_wait_is_for_silence_and_has_a_bound(first: float, newest: float, at: float, seconds: float) -> None:
    assert wait_seconds(second(first), second(newest), second(at), quiet=3.0, most=10.0) == seconds


def item(offset: int, key: str, body: str) -> WorkItem:
    message = InboundMessage(event_id=f"SM{offset}", received_at=now(), params={"Body": body, "From": key})
    return WorkItem(source=SOURCE, offset=offset, key=key, value=message, request_id=None, generation=1, token=offset)


def quiet(seconds: float, **over: object) -> Settings:
    return load_settings({}, **{"reply_quiet_seconds": seconds, "reply_quiet_max_seconds": 5.0, **over})


async def test_a_burst_is_one_batch_and_other_numbers_do_not_wait() -> None:
    batches: list[list[int]] = []
    bursts = Bursts(quiet(0.3))

    async def handle(batch: Batch) -> None:
        if batch.key == "+1":
            await bursts.settle(batch)
            batch.take_following()
        batches.append([each.offset for each in batch.items])

    acknowledged: list[int] = []
    mailboxes = Mailboxes(handle, acknowledged.append, most_per_topic=100, largest_window=100)
    await mailboxes.begin_generation()
    for offset, key in enumerate(["+1", "+2", "+1", "+1"]):
        await mailboxes.put(item(offset, key, "hola"))

    async def all_done() -> bool:
        return len(acknowledged) == 4

    await eventually(all_done, every=0.01)
    assert batches == [[1], [0, 2, 3]]
    assert acknowledged == [0, 1, 2, 3]


async def test_a_command_is_not_kept_waiting_and_nothing_waits_unasked() -> None:
    queue = deque([Queued(item(0, "+1", "hola"), None), Queued(item(1, "+1", "STOP"), None)])
    async with asyncio.timeout(5):
        await Bursts(quiet(3600, reply_quiet_max_seconds=3600)).settle(Batch("+1", queue))
        await Bursts(quiet(0)).settle(Batch("+1", deque([Queued(item(2, "+1", "hola"), None)])))


async def test_who_waits_is_sent_home_when_the_partitions_leave() -> None:
    bursts = Bursts(quiet(3600, reply_quiet_max_seconds=3600))
    waiting = asyncio.ensure_future(bursts.settle(Batch("+1", deque([Queued(item(0, "+1", "hola"), None)]))))
    await asyncio.sleep(0)
    bursts.abandon()
    with pytest.raises(Fenced):
        await waiting


async def test_the_indicator_is_shown_where_the_answer_takes_long_and_is_never_in_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.vendors.twilio_typing._AFTER_SECONDS", 0.01)
    shown: list[dict[str, object]] = []

    async def show(request: web.Request) -> web.Response:
        shown.append(dict(await request.post()))
        return web.Response(status=500)

    app = web.Application()
    app.router.add_post("/v2/Indicators/Typing.json", show)
    async with TestServer(app) as server, ClientSession() as session:
        typing = TwilioTyping(load_settings({}, twilio_api_base_url=str(server.make_url(""))), session)
        with typing.shown("SM0"):
            pass  # answered at once

        async def is_shown() -> bool:
            return bool(shown)

        with typing.shown("SM1"):
            await eventually(is_shown, every=0.01)
    assert shown == [{"channel": "whatsapp", "messageId": "SM1"}]


def test_each_product_of_twilio_has_its_host() -> None:
    assert messaging_host("https://api.twilio.com") == "https://messaging.twilio.com"
    assert messaging_host("https://api.dublin.ie1.twilio.com/") == "https://messaging.dublin.ie1.twilio.com"
    assert messaging_host("http://127.0.0.1:4010") == "http://127.0.0.1:4010"
