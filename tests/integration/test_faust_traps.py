"""Why Faust is not used as it comes: each trap is shown with stock Faust, and closed by our replacement.

Other tests show some traps better: order across topics (acceptance, messages before their call), numbers on
two workers at once (chaos, join-leave and pause-worker).
"""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from streams.engine.app import OrderedTransport, RawSchema
from streams.engine.intake import attach
from streams.engine.offsets import TopicPartition as Source
from tests.support.deadline import eventually
from tests.support.faust_app import Broker, Engine, running

_NEVER_COMMITTED_BY_ITSELF = 3600.0


@pytest.fixture
def broker(kafka_bootstrap: str) -> Broker:
    return Broker(kafka_bootstrap)


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4().hex[:8]}"


class Seen:
    """What a handler was given. Offset 0 waits for `gate`."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.gate = asyncio.Event()

    async def handle(self, offset: int, key: str) -> None:
        if offset == 0:
            await self.gate.wait()
        self.done.append(offset)

    async def at_least(self, count: int) -> None:
        async def enough() -> bool:
            return len(self.done) >= count

        await eventually(enough)


@pytest.mark.parametrize("stock", [True, False])
async def test_commits_past_unfinished_events(
    broker: Broker, group: str, tmp_path: Path, stock: bool
) -> None:
    """Acknowledged as they finish, 19 events behind an unfinished one make stock Faust commit all 20."""
    topic, seen = await broker.topic(), Seen()
    await broker.produce(topic, 20)
    app = broker.app(group, tmp_path, stock=stock, broker_commit_interval=_NEVER_COMMITTED_BY_ITSELF)
    if stock:
        _acknowledge_when_done(app, broker.source(app, topic), seen)
    else:
        app.engine = engine = Engine(seen.handle)
        attach(app, [topic], "", broker.source(app, topic).schema, engine.take)
    async with running(app):
        await seen.at_least(19)
        await app.consumer.commit()
        committed = await broker.committed(group, topic)
        seen.gate.set()
        await seen.at_least(20)
    assert committed == (20 if stock else 0)


def _acknowledge_when_done(app: Any, source: Any, seen: Seen) -> None:  # noqa: ANN401 - faust is untyped
    tasks: set[asyncio.Task[None]] = set()

    async def work(stream: Any, event: Any) -> None:  # noqa: ANN401
        await seen.handle(event.message.offset, "")
        await stream.ack(event)

    @app.agent(source)  # type: ignore[untyped-decorator]  # faust is untyped
    async def agent(stream: Any) -> None:  # noqa: ANN401
        async for event in stream.noack().events():
            tasks.add(asyncio.create_task(work(stream, event)))


@pytest.mark.parametrize("stock", [True, False])
async def test_an_exception_loses_the_event(broker: Broker, group: str, tmp_path: Path, stock: bool) -> None:
    """What raises in an agent is skipped and committed; our agents try it again until it is taken over."""
    topic, seen, failures = await broker.topic(), Seen(), [OSError("a passing one")]
    seen.gate.set()
    await broker.produce(topic, 3)

    async def take(source: Source, event: Any) -> None:  # noqa: ANN401
        if failures:
            raise failures.pop()
        await seen.handle(event.message.offset, "")
        event.ack()

    app = broker.app(group, tmp_path, stock=stock)
    if stock:

        @app.agent(broker.source(app, topic))  # type: ignore[untyped-decorator]
        async def agent(stream: Any) -> None:  # noqa: ANN401
            async for event in stream.events():
                await take(Source(topic, 0), event)
    else:
        app.engine = Engine(seen.handle)
        attach(app, [topic], "", broker.source(app, topic).schema, take, pause_seconds=0.01)
    async with running(app):
        await seen.at_least(2 if stock else 3)
    assert seen.done == ([1, 2] if stock else [0, 1, 2])


@pytest.mark.parametrize("stock", [True, False])
async def test_a_handler_without_end_stops_the_whole_group(
    broker: Broker, group: str, tmp_path: Path, stock: bool
) -> None:
    """A worker that joins waits for the slowest handler of all; ours wait for the drain cap at most."""
    topic, seen = await broker.topic(2), Seen()
    await broker.produce(topic, 4)

    def make(name: str) -> Any:  # noqa: ANN401
        app = broker.app(group, tmp_path / name, stock=stock)
        app.engine = engine = Engine(seen.handle, drain_seconds=1.0)
        attach(app, [topic], "", broker.source(app, topic).schema, engine.take)
        return app

    async with running(make("first")) as first:
        await seen.at_least(2)
        async with running(make("second")) as second:
            joined = asyncio.create_task(eventually(lambda: _shared(first, second), seconds=60))
            await asyncio.wait({joined}, timeout=12)
            assert joined.done() is not stock
            seen.gate.set()
            await joined


async def _shared(*apps: Any) -> bool:  # noqa: ANN401
    return all(not app.rebalancing and app.consumer.assignment() for app in apps)


@pytest.mark.parametrize("stock", [True, False])
async def test_one_slow_topic_starves_the_others(
    broker: Broker, group: str, tmp_path: Path, stock: bool
) -> None:
    """Stock settings fetch a backlog into the buffer that all topics share, until nothing else fits in."""
    slow, quick = await broker.topic(), await broker.topic()
    await broker.produce(slow, 6000)
    settings: dict[str, object] = (
        {"broker_max_poll_records": None, "stream_buffer_maxsize": 4096} if stock else {}
    )
    app = broker.app(group, tmp_path, stock=False, **settings)
    app.engine = Engine(Seen().handle)
    stuck, arrived = asyncio.Event(), asyncio.Event()

    async def take(source: Source, event: Any) -> None:  # noqa: ANN401
        if source.topic == quick:
            arrived.set()
            return
        stuck.set()
        await asyncio.Event().wait()

    attach(app, [slow, quick], "", broker.source(app, slow).schema, take)
    async with running(app):
        async with asyncio.timeout(30):
            await stuck.wait()
        await broker.produce(quick, 1)
        waiting = asyncio.create_task(arrived.wait())
        await asyncio.wait({waiting}, timeout=6)
        assert waiting.done() is not stock
        waiting.cancel()


@pytest.mark.parametrize("stock", [True, False])
async def test_who_joins_makes_the_others_repeat_what_is_done(
    broker: Broker, group: str, tmp_path: Path, stock: bool
) -> None:
    """A revocation forgets acknowledgements since the last commit before committing; ours commits first."""
    topic, seen = await broker.topic(2), Seen()
    await broker.produce(topic, 40)
    seen.gate.set()

    def make(name: str) -> Any:  # noqa: ANN401
        app = broker.app(
            group,
            tmp_path / name,
            stock=stock,
            broker_commit_interval=_NEVER_COMMITTED_BY_ITSELF,
        )
        app.engine = engine = Engine(seen.handle)
        attach(app, [topic], "", broker.source(app, topic).schema, engine.take)
        return app

    async with running(make("first")) as first:
        await seen.at_least(40)
        async with running(make("second")) as second:
            await eventually(lambda: _shared(first, second), seconds=60)
            await broker.produce(topic, 40)
            await seen.at_least(80)
    assert (len(seen.done) > 80) is stock


@pytest.mark.parametrize("stock", [True, False])
async def test_two_topics_of_one_number_come_to_two_workers(
    broker: Broker, group: str, tmp_path: Path, stock: bool
) -> None:
    """Without tables and standbys Faust deals partitions out in turn; ours keeps a number's together."""
    topics = [await broker.topic(3), await broker.topic(3)]
    settings: dict[str, object] = {"table_standby_replicas": 0} if stock else {}

    def make(name: str) -> Any:  # noqa: ANN401
        app = broker.app(group, tmp_path / name, stock=False, **settings)
        app.engine = engine = Engine(Seen().handle)
        attach(app, topics, "", broker.source(app, topics[0]).schema, engine.take)
        return app

    async with running(make("first")) as first, running(make("second")) as second:
        await eventually(lambda: _shared(first, second), seconds=60)
        for app in (first, second):
            parts = [
                {tp.partition for tp in app.consumer.assignment() if tp.topic == topic} for topic in topics
            ]
            assert (parts[0] == parts[1]) is not stock


@pytest.mark.parametrize("stock", [True, False])
async def test_events_flow_while_the_committed_offsets_are_sought(
    broker: Broker, group: str, tmp_path: Path, stock: bool
) -> None:
    """After a table's recovery stock Faust commits past what it delivers then; ours stops the flow first."""
    topic, seen, flows = await broker.topic(), Seen(), list[bool]()
    seen.gate.set()
    await broker.produce(await broker.topic(name=f"{group}-counts-changelog"), 5)
    await broker.produce(topic, 3)
    app = broker.app(group, tmp_path, stock=stock)
    app.Table("counts", partitions=1, schema=RawSchema())
    app.engine = engine = Engine(seen.handle)
    attach(app, [topic], "", broker.source(app, topic).schema, engine.take)

    class Watched(app.transport.Consumer):  # type: ignore[name-defined, misc]  # faust is untyped
        async def seek_to_committed(self) -> Any:  # noqa: ANN401
            flows.append(self.flow_active)
            return await super().seek_to_committed()

    app.transport.Consumer = Watched

    async def is_sought() -> bool:
        return bool(flows)

    async with running(app):
        await eventually(is_sought)
        if not stock:  # what stock Faust delivered meanwhile may never be seen
            await seen.at_least(3)
            assert seen.done == [0, 1, 2]
    assert any(flows) is stock


@pytest.mark.parametrize("stock", [True, False])
async def test_a_log_that_ends_before_the_committed_offset(
    broker: Broker, group: str, tmp_path: Path, stock: bool
) -> None:
    """Stock Faust reads it from its beginning, and drops every event below the offset that it remembers."""
    topic, seen = await broker.topic(), Seen()
    seen.gate.set()
    await broker.produce(topic, 3)
    await broker.commit(group, topic, 99)
    app = broker.app(group, tmp_path, stock=stock)
    app.engine = engine = Engine(seen.handle)
    attach(app, [topic], "", broker.source(app, topic).schema, engine.take)

    async def is_read() -> bool:
        return bool(await app.consumer.position(TP(topic, 0)) == 3)

    async with running(app):
        await eventually(is_read)
        if not stock:
            await seen.at_least(3)
            await app.consumer.commit()
            assert await broker.committed(group, topic) == 3
    assert seen.done == ([] if stock else [0, 1, 2])
    assert engine.found_lost == ({} if stock else {TP(topic, 0): (99, 0, 3)})


@pytest.mark.parametrize("stock", [True, False])
async def test_a_rebalance_that_ends_while_the_app_stops(
    broker: Broker, group: str, tmp_path: Path, stock: bool
) -> None:
    """Stock Faust closes the client's sockets from another loop than theirs, which crashes libuv's loop."""
    topic, closed_in = await broker.topic(), list[asyncio.AbstractEventLoop]()
    app = broker.app(group, tmp_path, stock=stock, ours=OrderedTransport)
    app.engine = engine = Engine(Seen().handle)
    attach(app, [topic], "", broker.source(app, topic).schema, engine.take)
    async with running(app):
        thread = app.consumer._thread
        client = thread._consumer._client
        close = client.close

        async def close_at_home() -> None:
            closed_in.append(asyncio.get_running_loop())
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(close(), thread.thread_loop))

        client.close = close_at_home
        app._on_rebalance_when_stopped()

        async def is_over() -> bool:
            return not stock or bool(closed_in)

        await eventually(is_over)
    assert closed_in == [asyncio.get_running_loop() if stock else thread.thread_loop]
