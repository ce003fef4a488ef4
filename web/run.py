"""The gateway's composition root and life."""

import asyncio
import signal

import aiohttp
import asyncpg
import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from db.pool import Pool, create_pool
from schemas.errors import ConfigurationError, Unavailable
from schemas.settings import Settings, require
from web.answers import errors_as_json
from web.auth import token_middleware
from web.calls import Calls
from web.conversations import Conversations
from web.health import Health
from web.outcomes import Outcomes
from web.publisher import Publisher
from web.request_ids import with_request_id
from web.stats import Stats
from web.twilio_webhooks import TwilioWebhooks

log = structlog.get_logger()

# A call's body is about 1 kB, Twilio's parameters some 4 kB; a name of 10,000 characters fits well.
_LARGEST_BODY = 256 * 1024
# A database that starts together with us is there within this.
_START_SECONDS = 30.0
_START_LOOK_SECONDS = 1.0
# The longest request waits for its outcome 9 s at most.
_SHUTDOWN_SECONDS = 10.0


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; gives the exit code.

    Raises:
        ConfigurationError: a setting is missing, or the port is taken.
        Unavailable: Postgres did not answer in time.
    """
    require(settings, "database_url", "kafka_bootstrap_servers")
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    pool = await _pool(settings)
    publisher, outcomes = Publisher(settings, pool), Outcomes(settings, pool)
    async with aiohttp.ClientSession() as session:
        health = Health(settings, pool, publisher, session)
        application = _application(settings, pool, publisher, outcomes, health, Stats(settings, pool, session))
        tasks = [asyncio.create_task(side) for side in (publisher.work(), outcomes.listen(), health.watch())]
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await _listen(runner, settings.port)
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await runner.cleanup()
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await publisher.close()
            await pool.close()
    failed = [result for result in results if isinstance(result, Exception)]
    for error in failed:
        log.error("web fails", exc_info=error)
    return 1 if failed else 0


def _application(
    settings: Settings, pool: Pool, publisher: Publisher, outcomes: Outcomes, health: Health, stats: Stats
) -> web.Application:
    middlewares = [with_request_id, errors_as_json, token_middleware(settings.microservice_token)]
    app = web.Application(middlewares=middlewares, client_max_size=_LARGEST_BODY)
    webhooks = TwilioWebhooks(settings, publisher)
    app.router.add_post("/api/call-completed", Calls(settings, publisher, outcomes).post)
    app.router.add_get("/api/conversations/{phone}", Conversations(pool).get)
    app.router.add_get("/api/stats", stats.get)
    app.router.add_post("/webhook/twilio/incoming", webhooks.incoming)
    app.router.add_post("/webhook/twilio/status", webhooks.status)
    app.router.add_get("/health", health.health)
    app.router.add_get("/live", health.live)
    app.router.add_get("/ready", health.ready)
    app.router.add_get("/metrics", _metrics)
    return app


async def _metrics(request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _listen(runner: web.AppRunner, port: int) -> None:
    try:
        await web.TCPSite(runner, port=port).start()
    except OSError as error:
        raise ConfigurationError(f"PORT: {port} cannot be listened on ({error.strerror})") from error
    log.info("web is listening", port=port)


async def _pool(settings: Settings) -> Pool:
    attempts = AsyncRetrying(
        retry=retry_if_exception_type((OSError, TimeoutError, asyncpg.CannotConnectNowError)),
        stop=stop_after_delay(_START_SECONDS),
        wait=wait_fixed(_START_LOOK_SECONDS),
        before_sleep=lambda _: log.warning("Postgres does not answer yet"),
        reraise=True,
    )
    try:
        return await attempts(create_pool, settings)
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"Postgres did not answer within {_START_SECONDS:.0f} s; check DATABASE_URL") from error
