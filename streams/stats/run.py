"""The stats worker's composition root."""

import asyncio

from aiohttp import web

from db.pool import create_pool
from schemas.settings import Settings, require
from streams.engine.life import until_stopped
from streams.engine.topics import check_copartitioning
from streams.stats.app import create_stats_app
from streams.stats.views import StatsViews


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; gives the exit code.

    Raises:
        ConfigurationError: a setting is missing or the topics do not fit.
    """
    require(settings, "database_url", "kafka_bootstrap_servers")
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    await check_copartitioning(settings)
    pool = await create_pool(settings)
    app, table = create_stats_app(settings)
    views = web.AppRunner(StatsViews(settings, app, table, pool).application(), access_log=None)
    await views.setup()
    await web.TCPSite(views, port=settings.stats_port).start()
    try:
        return await until_stopped(app)
    finally:
        await views.cleanup()
        await pool.close()
