"""Listening on a process's port; one that is taken may belong to a predecessor that is finishing its work."""

import structlog
from aiohttp import web

from process.waiting import wait_for
from schemas.errors import Unavailable

log = structlog.get_logger()


async def serve(
    application: web.Application, host: str | None, port: int, variable: str, wait_seconds: float
) -> web.AppRunner:
    """Serve an application; the caller cleans its runner up. `host`: the address; None: all of them.

    Raises:
        Unavailable: the port stays taken, or may not be listened on.
    """
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await listen(runner, host, port, variable, wait_seconds)
    except BaseException:
        await runner.cleanup()
        raise
    return runner


async def listen(
    runner: web.AppRunner, host: str | None, port: int, variable: str, wait_seconds: float
) -> None:
    """Have an already set up runner listen on the port that `variable` names.

    Raises:
        Unavailable: the port stays taken, or may not be listened on.
    """

    async def begin() -> None:
        await web.TCPSite(runner, host=host, port=port).start()

    def say(_: BaseException | None) -> None:
        log.warning("port is taken, trying again", variable=variable, port=port)

    try:
        await wait_for(begin, seconds=wait_seconds, away=(OSError,), say=say)
    except OSError as error:
        raise Unavailable(f"{variable}: {port} cannot be listened on ({error.strerror})") from error
    log.info("listening", variable=variable, port=port)
