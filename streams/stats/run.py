"""The stats worker's composition root and lifecycle: everything is made here, nothing connects before."""

import asyncio
import socket
import time
from contextlib import AsyncExitStack
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from clients.http import open_session
from clients.service_token import PeerProofs, accepted_tokens
from db.store.placement import known_partitions
from process.kafka import check_known, partition_count, watch_partitions, when_kafka_answers
from process.life import closed, until_stopped
from process.listening import serve
from process.metrics import watch_loop
from process.postgres import open_pool
from schemas.rights import STATS_WORKER
from schemas.settings import Settings, require
from streams.engine.app import DRAIN_CAP_SECONDS
from streams.stats.app import create_stats_app
from streams.stats.cluster import Cluster
from streams.stats.figures import Figures
from streams.stats.postgres import Rows
from streams.stats.queue import Lag, Queue
from streams.stats.rebuild import Rebuild
from streams.stats.upkeep import Upkeep
from streams.stats.views import StatsViews

_LOOPBACK = "127.0.0.1"
# Each request to another stats worker has its own, shorter bound.
_PEERS_TIMEOUT = aiohttp.ClientTimeout(total=30.0)
_PEERS = 100
_IPV6 = 6


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; return the exit code.

    Raises:
        ConfigurationError: a setting is missing or the topics do not fit.
        Unavailable: Kafka, its topics, Postgres, its schema or the port was not available in time.
    """
    require(settings, "database_url", "kafka_bootstrap_servers")
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    partitions = await partition_count(settings, STATS_WORKER)
    url = f"http://{_own_address(settings.bind_host)}:{settings.stats_port}"
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="whatsapp-stats-"))
        pool = await open_pool(settings)
        stack.callback(pool.terminate)
        stack.push_async_callback(lambda: closed("pool", pool.close()))
        await check_known(settings, await known_partitions(pool), partitions)
        lag = Lag(settings, partitions)
        stack.push_async_callback(lambda: closed("lag", lag.stop()))
        await when_kafka_answers(settings, lag.start)
        session = await stack.enter_async_context(open_session(_PEERS_TIMEOUT, _PEERS))
        made = create_stats_app(settings, partitions, url, Path(folder))
        records = made.records
        await made.changes.start()
        stack.push_async_callback(lambda: closed("changes", made.changes.stop()))
        rows = Rows(pool, settings.stats_closed_kept_days)
        upkeep = Upkeep(records, rows, settings)
        tokens = accepted_tokens(settings)
        proofs = PeerProofs(tokens, time.time)
        cluster = Cluster(records, Rebuild(settings, records, rows), url, session, proofs)
        figures = Figures(records, cluster, Queue(settings, pool, lag))
        views = StatsViews(records, cluster, figures, tokens, proofs)
        runner = await serve(
            views.application(),
            settings.bind_host,
            settings.stats_port,
            "STATS_PORT",
            settings.start_wait_seconds,
        )
        stack.push_async_callback(lambda: closed("views", runner.cleanup()))
        return await until_stopped(
            made.app,
            upkeep.watch(),
            watch_partitions(settings, partitions),
            watch_loop(),
            drain_seconds=DRAIN_CAP_SECONDS,
        )


def _own_address(bind_host: str | None) -> str:
    """Return where other stats workers find this one: where it listens.

    If it listens on all addresses, that is what its host's name means: in containers, the address in
    their network.
    """
    if bind_host is not None and not (bound := ip_address(bind_host)).is_unspecified:
        return f"[{bound}]" if bound.version == _IPV6 else str(bound)
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return _LOOPBACK
