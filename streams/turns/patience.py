"""How long to wait before a vendor is asked again."""

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from schemas.errors import RetryableError

# Twilio's advice for 429 starts at 100 ms (reliability patterns); the cap keeps an outage from costing CPU while the
# first answer after its end is still prompt.
_FIRST_SECONDS = 0.2
_LONGEST_SECONDS = 15.0
# A vendor that asks for more than this is asked earlier: one held number must not wait for hours on a wrong header.
_LONGEST_ASKED_SECONDS = 300.0

_backoff = wait_exponential_jitter(multiplier=_FIRST_SECONDS, max=_LONGEST_SECONDS, jitter=_FIRST_SECONDS)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, RetryableError) else None
    return max(_backoff(state), min(asked or 0.0, _LONGEST_ASKED_SECONDS))


def until_done() -> AsyncRetrying:
    """Give the attempts at something retryable: without end, because only this one number waits."""
    return AsyncRetrying(retry=retry_if_exception_type(RetryableError), wait=_wait)
