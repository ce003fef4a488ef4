"""Connections over loopback: how long they may be silent, how slow, and how many."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from local.process import free_port
from web.connections import BoundedRunner, Limits

REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
_SOON_SECONDS = 10
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Served:
    """`hold`: requests wait for it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.hold = asyncio.Event()
        self.hold.set()
        self.arrived: asyncio.Queue[None] = asyncio.Queue()
        self._opened: list[asyncio.StreamWriter] = []
        self.runner: BoundedRunner

    async def answer(self, request: web.Request) -> web.Response:
        self.arrived.put_nowait(None)
        await self.hold.wait()
        return web.Response(text="ok")

    async def connect(self) -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._opened.append(writer)
        return reader, writer

    def close(self) -> None:
        self.hold.set()
        for writer in self._opened:
            writer.close()


@asynccontextmanager
async def serving(**limits: float) -> AsyncIterator[Served]:
    served, app = Served(free_port()), web.Application()
    app.router.add_get("/", served.answer)
    runner = BoundedRunner(app, Limits(**{"most": 100} | limits), 1.0)  # type: ignore[arg-type]
    served.runner = runner
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", served.port).start()
    try:
        yield served
    finally:
        served.close()
        await runner.cleanup()


async def ask(streams: Streams, request: bytes = REQUEST) -> bytes:
    """Send a request, or a part of one, and give the answer's first line; nothing where it was closed."""
    reader, writer = streams
    writer.write(request)
    try:
        async with asyncio.timeout(_SOON_SECONDS):
            line = await reader.readline()
            await reader.readuntil(b"ok") if line else None
    except ConnectionError:
        return b""
    return line


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    async with serving(idle_seconds=0.2) as served:
        connection = await served.connect()
        assert (await ask(connection)).startswith(b"HTTP/1.1 200")
        assert await ask(connection, b"") == b""


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: h\r\nX-A: "])
async def test_a_head_that_does_not_come_is_not_waited_for(begun: bytes) -> None:
    async with serving(head_seconds=0.2) as served:
        assert await ask(await served.connect(), begun) == b""


async def test_a_later_head_on_the_same_connection_has_its_time_too() -> None:
    async with serving(head_seconds=0.2) as served:
        connection = await served.connect()
        assert (await ask(connection)).startswith(b"HTTP/1.1 200")
        assert await ask(connection, b"GET / HT") == b""


async def test_a_request_may_take_longer_than_its_head() -> None:
    async with serving(head_seconds=0.2, idle_seconds=0.2) as served:
        served.hold.clear()
        asyncio.get_running_loop().call_later(0.5, served.hold.set)
        assert (await ask(await served.connect())).startswith(b"HTTP/1.1 200")


async def test_who_has_been_idle_for_longest_gives_way() -> None:
    async with serving(most=3) as served:
        oldest, middle, newest = [await served.connect() for _ in range(3)]
        for connection in (middle, newest, oldest):
            assert (await ask(connection)).startswith(b"HTTP/1.1 200")
        assert (await ask(await served.connect())).startswith(b"HTTP/1.1 200")
        assert await ask(middle, b"") == b""
        for connection in (newest, oldest):
            assert (await ask(connection)).startswith(b"HTTP/1.1 200")


async def test_where_all_are_at_work_a_new_one_is_refused() -> None:
    async with serving(most=2) as served:
        served.hold.clear()
        working = [asyncio.create_task(ask(await served.connect())) for _ in range(2)]
        for _ in working:
            await served.arrived.get()
        refused = await served.connect()
        assert await ask(refused, b"") == b""
        served.hold.set()
        assert all(line.startswith(b"HTTP/1.1 200") for line in await asyncio.gather(*working))


async def test_who_has_a_connection_may_use_it_once_more_when_the_process_leaves() -> None:
    async with serving() as served:
        reader, writer = await served.connect()
        assert await ask((reader, writer)) == b"HTTP/1.1 200 OK\r\n"
        leaving = asyncio.create_task(served.runner.cleanup())
        while served.runner.sites:
            await asyncio.sleep(0)
        writer.write(REQUEST)
        async with asyncio.timeout(_SOON_SECONDS):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), "it was on its way"
        assert b"Connection: close" in answer
        await leaving
        with pytest.raises(ConnectionRefusedError):
            await served.connect()
