"""The stats worker's composition root and life: everything is made here, nothing connects before."""

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from db.start import open_pool
from schemas.settings import Settings, require
from streams.engine.life import closed, until_stopped
from streams.engine.start import partition_count, serve, when_kafka_answers
from streams.metrics import watch_loop
from streams.stats.app import changelog_name, create_stats_app
from streams.stats.changelog import ensure_changelog
from streams.stats.cluster import Cluster
from streams.stats.figures import Figures
from streams.stats.lag import Lag
from streams.stats.queue import Queue
from streams.stats.rebuild import Rebuild
from streams.stats.rows import Rows
from streams.stats.upkeep import Upkeep
from streams.stats.views import StatsViews

_LOOPBACK = "127.0.0.1"


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; gives the exit code.

    Raises:
        ConfigurationError: a setting is missing or the topics do not fit.
        Unavailable: Kafka, its topics, Postgres, its schema or the port was not to be had in time.
    """
    require(settings, "database_url", "kafka_bootstrap_servers")
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    partitions = await partition_count(settings)
    await when_kafka_answers(settings, lambda: ensure_changelog(settings, changelog_name(settings), partitions))
    url = f"http://{_own_address()}:{settings.stats_port}"
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="whatsapp-stats-"))
        pool = await open_pool(settings)
        stack.callback(pool.terminate)
        stack.push_async_callback(lambda: closed("pool", pool.close()))
        lag = Lag(settings, partitions)
        stack.push_async_callback(lambda: closed("lag", lag.stop()))
        await when_kafka_answers(settings, lag.start)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        made = create_stats_app(settings, partitions, url, Path(folder))
        records = made.records
        await made.changes.start()
        stack.push_async_callback(lambda: closed("changes", made.changes.stop()))
        rows = Rows(pool, settings.stats_closed_kept_days)
        upkeep = Upkeep(records, rows, settings)
        cluster = Cluster(records, Rebuild(settings, records, rows), url, session, settings.microservice_token)
        figures = Figures(records, cluster, Queue(settings, pool, lag))
        views = StatsViews(records, cluster, figures, settings.microservice_token)
        runner = await serve(views.application(), settings.stats_port, "STATS_PORT", settings)
        stack.push_async_callback(lambda: closed("views", runner.cleanup()))
        return await until_stopped(made.app, upkeep.watch(), watch_loop())


def _own_address() -> str:
    """Where other stats workers find this one: what its host's name means, in containers the address in their network."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return _LOOPBACK
