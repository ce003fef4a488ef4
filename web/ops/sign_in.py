"""Who is signed in: operators by a token of their own, or by the service's; attempts are limited."""

import hmac
from collections import defaultdict
from collections.abc import Mapping

import structlog
from aiohttp import web
from aiohttp_session import get_session, new_session
from aiolimiter import AsyncLimiter

from web.ops.forms import form_of
from web.ops.pages import Page, page, see_other
from web.ops.session import OPERATOR, start

log = structlog.get_logger()

SERVICE_OPERATOR = "servicio"
"""Whoever signs in with the service's own token."""
# A person mistypes a few times; a guesser of 24 random bytes gets nowhere with these.
_ATTEMPTS = 5
_PER_SECONDS = 60.0
# Addresses remembered; the oldest are forgotten, so that nobody fills the memory.
_MOST_ADDRESSES = 10_000


def operator_of(given: str, service_token: str | None, operators: Mapping[str, str]) -> str | None:
    """Give the name that a token belongs to; every comparison takes the same time. Empty tokens belong to nobody."""
    known = {**operators, SERVICE_OPERATOR: service_token or ""}
    names = [name for name, token in known.items() if token and hmac.compare_digest(token.encode(), given.encode())]
    return names[0] if names else None


class SignIn:
    """The sign-in page and what it leads to."""

    def __init__(self, service_token: str | None, operators: Mapping[str, str]) -> None:
        self._service_token = service_token
        self._operators = operators
        self._attempts: defaultdict[str, AsyncLimiter] = defaultdict(lambda: AsyncLimiter(_ATTEMPTS, _PER_SECONDS))

    async def form(self, request: web.Request) -> web.Response:
        """Show the form."""
        return self._page(request)

    async def post(self, request: web.Request) -> web.Response:
        """Sign in; wrong tokens are answered with 401, too many of them with 429."""
        limiter = self._limiter(request.remote or "")
        if not limiter.has_capacity():
            log.warning("too many sign-in attempts")
            return self._page(request, "Too many attempts. Wait a minute and try again.", 429)
        form = await form_of(request)
        operator = operator_of(form.get("token", ""), self._service_token, self._operators)
        if operator is None:
            await limiter.acquire()
            log.warning("sign-in was refused")
            return self._page(request, "That token is not known. Ask whoever runs the service for yours.", 401)
        start(await new_session(request), operator)
        log.info("operator signed in", operator=operator)
        return see_other(_inside(form.get("back", "")))

    async def sign_out(self, request: web.Request) -> web.Response:
        """End the session."""
        (await get_session(request)).invalidate()
        return see_other("/ops/sign-in")

    def _page(self, request: web.Request, problem: str = "", status: int = 200) -> web.Response:
        configured = bool(self._service_token or self._operators)
        back = request.query.get("back", "")
        context = {"problem": problem, "configured": configured, "back": back}
        return page(request, Page("sign_in.html", "Sign in"), context, status)

    def _limiter(self, address: str) -> AsyncLimiter:
        if len(self._attempts) > _MOST_ADDRESSES:
            self._attempts.pop(next(iter(self._attempts)))
        return self._attempts[address]


def _inside(path: str) -> str:
    """Give a page of ours to go on with, whatever the form says."""
    return path if path.startswith(("/ops/", "/ops?")) else "/ops"


async def operator_name(request: web.Request) -> str | None:
    """Give who is signed in."""
    name = (await get_session(request)).get(OPERATOR)
    return name if isinstance(name, str) else None
