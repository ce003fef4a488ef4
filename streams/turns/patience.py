"""How long to wait before a vendor is asked again."""

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from schemas.errors import RetryableError
from streams.metrics import RETRIES

# Twilio's advice for 429 starts at 100 ms (reliability patterns); the cap keeps an outage from costing CPU while the
# first answer after its end is still prompt.
_FIRST_SECONDS = 0.2
_LONGEST_SECONDS = 15.0
# With the waits above some 25 s: then the turn is held in Postgres, so that its partition can go on.
_MOST_ATTEMPTS = 8
# Whoever is asked to wait longer than this is held at once.
_LONGEST_ASKED_SECONDS = 10.0

_backoff = wait_exponential_jitter(multiplier=_FIRST_SECONDS, max=_LONGEST_SECONDS, jitter=_FIRST_SECONDS)


def attempts() -> AsyncRetrying:
    """Give the attempts at something retryable; the last failure is raised, for the turn to be held."""
    return AsyncRetrying(
        retry=retry_if_exception_type(RetryableError), wait=_wait, stop=_is_enough, reraise=True,
        before_sleep=lambda _: RETRIES.inc(),
    )  # fmt: skip


def _is_enough(state: RetryCallState) -> bool:
    return state.attempt_number >= _MOST_ATTEMPTS or _asked(state) > _LONGEST_ASKED_SECONDS


def asked_seconds(error: BaseException | None) -> float:
    """Give how long the vendor asked us to wait."""
    return (error.retry_after or 0.0) if isinstance(error, RetryableError) else 0.0


def _asked(state: RetryCallState) -> float:
    return asked_seconds(state.outcome.exception() if state.outcome else None)


def _wait(state: RetryCallState) -> float:
    return max(_backoff(state), _asked(state))
