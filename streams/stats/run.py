"""The stats worker's composition root and life: everything is made here, nothing connects before."""

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
from aiohttp import web

from db.pool import create_pool
from schemas.settings import Settings, require
from streams.engine.life import until_stopped
from streams.engine.topics import check_copartitioning
from streams.stats.app import changelog_name, create_stats_app
from streams.stats.changelog import ensure_changelog
from streams.stats.cluster import Cluster
from streams.stats.lag import Lag
from streams.stats.queue import Queue
from streams.stats.views import StatsViews

_LOOPBACK = "127.0.0.1"


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; gives the exit code.

    Raises:
        ConfigurationError: a setting is missing or the topics do not fit.
    """
    require(settings, "database_url", "kafka_bootstrap_servers")
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    partitions = min((await check_copartitioning(settings)).values())
    await ensure_changelog(settings, changelog_name(settings), partitions)
    url = f"http://{_own_address()}:{settings.stats_port}"
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="whatsapp-stats-"))
        pool = await stack.enter_async_context(await create_pool(settings))
        lag = await stack.enter_async_context(Lag(settings, partitions))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        app, records = create_stats_app(settings, partitions, url, Path(folder))
        cluster = Cluster(records, url, session, settings.microservice_token)
        views = StatsViews(records, cluster, Queue(settings, pool, lag), settings.microservice_token)
        await _serve(stack, views.application(), settings.stats_port)
        return await until_stopped(app)


async def _serve(stack: AsyncExitStack, application: web.Application, port: int) -> None:
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, port=port).start()


def _own_address() -> str:
    """Where other stats workers find this one: what its host's name means, in containers the address in their network."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return _LOOPBACK
