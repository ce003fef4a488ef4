"""Waiting for what a process needs before it can serve: retry, for a bounded time, while it is away."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_fixed

T = TypeVar("T")

_LOOK_EVERY_SECONDS = 1.0


async def wait_for(
    work: Callable[[], Awaitable[T]],
    *,
    seconds: float,
    away: tuple[type[Exception], ...],
    say: Callable[[BaseException | None], None],
    look_every_seconds: float = _LOOK_EVERY_SECONDS,
) -> T:
    """Return the result of `work` once it succeeds; after `seconds`, raise its last error of `away`.

    `say`: told each error of `away` before the next try. Any other error is raised at once.
    """

    async def attempt() -> T:
        return await work()

    def before_sleep(state: RetryCallState) -> None:
        say(state.outcome.exception() if state.outcome else None)

    attempts = AsyncRetrying(
        retry=retry_if_exception_type(away),
        stop=stop_after_delay(seconds),
        wait=wait_fixed(look_every_seconds),
        before_sleep=before_sleep,
        reraise=True,
    )
    return await attempts(attempt)
