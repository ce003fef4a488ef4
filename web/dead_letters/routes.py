"""`/api/dead-letters`: list, show, retry, discard."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from schemas.documents import now
from schemas.errors import InvalidInput
from schemas.phone import conversation_key
from schemas.query import point_in_time, whole
from web.answers import failure
from web.bodies import read_object
from web.dead_letters.letters import RETRY_RATE, Filters, Letters, NoSuchLetter

STATES = ("open", "retried", "discarded", "resolved", "all")
_MOST = 500
# From one every minute and a half to more than any topic takes. They keep the limiter's numbers finite.
_LOWEST_RATE, _HIGHEST_RATE = 0.01, 100_000.0


class DeadLetterRoutes:
    """Reads and changes dead letters."""

    def __init__(self, letters: Letters) -> None:
        self._letters = letters

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/api/dead-letters", self.list)
        app.router.add_get("/api/dead-letters/{id}", self.show)
        app.router.add_post("/api/dead-letters/retry", self.retry)
        app.router.add_post("/api/dead-letters/discard", self.discard)

    async def list(self, request: web.Request) -> web.Response:
        """Answer with a page; `?state=&reason=&topic=&number=&since=&limit=&before=`."""
        return web.json_response(
            {
                "success": True,
                **await self._letters.page(filters_of(request.query)),
            }
        )

    async def show(self, request: web.Request) -> web.Response:
        """Answer with one letter and its bytes."""
        try:
            letter = await self._letters.show(request.match_info["id"])
        except NoSuchLetter as error:
            return failure(404, "Dead letter not found", error.why)
        return web.json_response({"success": True, "dead_letter": letter})

    async def retry(self, request: web.Request) -> web.Response:
        """Retry: `{"by": …, "ids": [one …] | "reason": … | "all": true, "value_base64": …, "rate": …}`.

        `value_base64`: the edited bytes of a single one; `rate`: letters per second.
        """
        body = await read_object(request)
        ids, reason = which(body.get("ids"), body.get("reason"), everything=body.get("all") is True)
        value = _edited(body.get("value_base64"))
        if value is not None and len(ids or ()) != 1:
            raise InvalidInput("value_base64", "edits one letter: give its id alone")
        try:
            done = await self._letters.retry(
                _text(body, "by"), ids, reason, value, rate_of(body.get("rate", RETRY_RATE))
            )
        except NoSuchLetter as error:
            return failure(404, "Dead letter not found", error.why)
        return web.json_response({"success": True, "results": done})

    async def discard(self, request: web.Request) -> web.Response:
        """Discard: `{"by": …, "ids": […], "reason": why}`."""
        body = await read_object(request)
        ids, _ = which(body.get("ids"), None, everything=False)
        try:
            done = await self._letters.discard(_text(body, "by"), ids or [], _text(body, "reason"))
        except NoSuchLetter as error:
            return failure(404, "Dead letter not found", error.why)
        return web.json_response({"success": True, "results": done})


def filters_of(query: Mapping[str, str]) -> Filters:
    """Read filters as the URL and the command line give them.

    Raises:
        InvalidInput: names the filter.
    """
    state, limit, number, since = (
        query.get("state", "open"),
        query.get("limit", "50"),
        query.get("number"),
        query.get("since"),
    )
    if state not in STATES:
        raise InvalidInput("state", f"must be one of {', '.join(STATES)}")
    return Filters(
        state=None if state == "all" else state,
        reason=query.get("reason"),
        topic=query.get("topic"),
        # A plus that was not escaped arrives as a blank.
        number=conversation_key(f"+{number[1:]}" if number.startswith(" ") else number) if number else None,
        since=point_in_time("since", since, now()) if since else None,
        before=query.get("before"),
        limit=whole("limit", limit, 1, _MOST),
    )


def which(ids: object, reason: object, *, everything: bool) -> tuple[list[str] | None, str | None]:
    """Return ids or reason. One of ids, reason and all must be given: nobody retries everything by a slip.

    Raises:
        InvalidInput: none or several were.
    """
    if [bool(ids), reason is not None, everything].count(True) != 1:
        raise InvalidInput("ids", "say which: ids, a reason, or all")
    if ids and not (isinstance(ids, list) and all(isinstance(each, str) for each in ids)):
        raise InvalidInput("ids", "must be a list of ids")
    if reason is not None and not isinstance(reason, str):
        raise InvalidInput("reason", "must be a text")
    return (ids if isinstance(ids, list) and ids else None), reason


def rate_of(rate: object) -> float:
    """Read how many letters per second are retried.

    Raises:
        InvalidInput: not a number, too low or too high.
    """
    if (
        isinstance(rate, bool)
        or not isinstance(rate, int | float)
        or not _LOWEST_RATE <= rate <= _HIGHEST_RATE
    ):
        raise InvalidInput("rate", f"must be a number from {_LOWEST_RATE:g} to {_HIGHEST_RATE:g}")
    return float(rate)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(name, "must be a text, so that it is known who did it and why")
    return value.strip()


def _edited(text: object) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("value_base64", "must be base64") from error
