"""Signing in: operators by a token of their own, or by the service's; attempts are limited."""

import math
from collections import defaultdict

import structlog
from aiohttp import web
from aiohttp_session import get_session, new_session
from aiolimiter import AsyncLimiter

from web.client_address import TrustedProxies
from web.ops.guard import form_of
from web.ops.operators import Operators
from web.ops.pages import Page, inside, page, see_other
from web.ops.session import Sessions

log = structlog.get_logger()

# A token and a page's address.
_LARGEST_FORM = 8 * 1024
# A person mistypes a few times.
_ATTEMPTS = 5
_PER_SECONDS = 60.0
# Clients remembered; the oldest are forgotten, so that nobody fills the memory.
_MOST_CLIENTS = 10_000
RETRY_AFTER_SECONDS = math.ceil(_PER_SECONDS / _ATTEMPTS)
"""When a client that had too many attempts has one again."""


class Attempts:
    """Counts attempts. No right token is kept out: it is the tokens' length that makes guessing hopeless."""

    def __init__(self) -> None:
        self._limiters: defaultdict[str, AsyncLimiter] = defaultdict(
            lambda: AsyncLimiter(_ATTEMPTS, _PER_SECONDS)
        )

    async def take(self, client: str) -> bool:
        """Count an attempt at once; return whether it is within the limit."""
        if len(self._limiters) >= _MOST_CLIENTS and client not in self._limiters:
            del self._limiters[next(iter(self._limiters))]
        limiter = self._limiters[client]
        is_within = limiter.has_capacity()
        if is_within:
            await limiter.acquire()  # does not wait: there is room, and nobody came between
        return is_within

    def succeeded(self, client: str) -> None:
        """Forget a client's attempts: there was a right one among them."""
        self._limiters.pop(client, None)


class SignIn:
    """The sign-in page and what it leads to."""

    def __init__(self, operators: Operators, sessions: Sessions, proxies: TrustedProxies) -> None:
        self._operators = operators
        self._sessions = sessions
        self._proxies = proxies
        self._attempts = Attempts()

    async def form(self, request: web.Request) -> web.Response:
        """Show the form."""
        return self._page(request)

    async def post(self, request: web.Request) -> web.Response:
        """Sign in; a wrong token is 401, one too many 429, a right one always gets in."""
        client = self._proxies.client(request.remote, request.headers.getall("X-Forwarded-For", ()))
        is_within = await self._attempts.take(
            client
        )  # before the form is read, which its sender may do slowly
        form = await form_of(request, _LARGEST_FORM)
        operator = self._operators.by_token(form.get("token", ""))
        if operator is None:
            return self._refused(request, is_within=is_within)
        self._attempts.succeeded(client)
        self._sessions.begin(await new_session(request), operator)
        log.info("operator signed in", operator=operator)
        return see_other(inside(form.get("back", "")))

    def _refused(self, request: web.Request, *, is_within: bool) -> web.Response:
        log.warning("sign-in was refused", too_many=not is_within)
        if is_within:
            return self._page(
                request, "That token is not known. Ask whoever runs the service for yours.", 401
            )
        answer = self._page(request, "Too many attempts. Wait a minute and try again.", 429)
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return answer

    async def sign_out(self, request: web.Request) -> web.Response:
        """End the session, in every browser and on every web process."""
        await self._sessions.end(await get_session(request))
        return see_other("/ops/sign-in")

    def _page(self, request: web.Request, problem: str = "", status: int = 200) -> web.Response:
        back = request.query.get("back", "")
        context = {"problem": problem, "configured": bool(self._operators), "back": back}
        return page(request, Page("sign_in.html", "Sign in"), context, status)
