"""A port that is taken is waited for, then named."""

import asyncio
import socket

import pytest
from aiohttp import web

from process.life import unless_stopped
from process.listening import listen, serve
from schemas.errors import ConfigurationError, Unavailable
from schemas.settings import load_settings


async def test_a_port_that_stays_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"PORT: {port} cannot be listened on"):
            await serve(web.Application(), None, port, "PORT", 0.0)


async def test_a_signal_ends_the_wait() -> None:
    stop = asyncio.Event()
    runner = web.AppRunner(web.Application())
    await runner.setup()
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        waiting = asyncio.create_task(
            unless_stopped(listen(runner, None, taken.getsockname()[1], "PORT", 3600.0), stop)
        )
        await asyncio.sleep(0)
        stop.set()
        async with asyncio.timeout(5):
            assert await waiting is None
    await runner.cleanup()


@pytest.mark.parametrize(("host", "addresses"), [("127.0.0.1", {"127.0.0.1"}), (None, {"0.0.0.0", "::"})])
async def test_it_listens_where_it_is_told(host: str | None, addresses: set[str]) -> None:
    runner = await serve(web.Application(), host, 0, "PORT", 1.0)
    try:
        assert {address[0] for address in runner.addresses} <= addresses
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:3001", "http://127.0.0.1"])
def test_an_address_that_is_none_is_told_at_the_start(host: str) -> None:
    with pytest.raises(ConfigurationError, match="BIND_HOST: write it as"):
        load_settings({}, bind_host=host)
