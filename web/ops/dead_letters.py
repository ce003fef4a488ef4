"""Dead letters: why, from where, their bytes. Retry, edit and retry, or discard one or many."""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from aiohttp import web
from aiohttp_session import get_session

from schemas.errors import InvalidInput
from web.dead_letters.letters import Filters, NoSuchLetter
from web.ops.guard import checked_form
from web.ops.pages import OPERATOR_KEY, Page, page, see_other
from web.ops.session import tell

Json = dict[str, Any]
_LIST = Page("dead_letters.html", "Dead letters", "dead-letters")
_ONE = Page("dead_letter.html", "Dead letter", "dead-letters")
_HOME = "/ops/dead-letters"
STATES = ("open", "retried", "discarded", "resolved")


class Handling(Protocol):
    """See `web.dead_letters.letters.Letters`."""

    async def page(self, filters: Filters) -> Json: ...

    async def show(self, letter_id: str) -> Json: ...

    async def retry(
        self, by: str, ids: list[str] | None, reason: str | None, value: bytes | None = None
    ) -> list[Json]: ...

    async def discard(self, by: str, ids: list[str], why: str) -> list[Json]: ...


class DeadLetters:
    """Shows them and does what the forms say, in the operator's name."""

    def __init__(self, letters: Handling) -> None:
        self._letters = letters

    async def overview(self, request: web.Request) -> web.Response:
        """Show a page of the letters in one state."""
        state = request.query.get("state", STATES[0])
        state = state if state in STATES else STATES[0]
        found = await self._letters.page(Filters(state=state, before=request.query.get("before") or None))
        older = found.get("next_before")
        link = "?" + urlencode({"state": state, "before": older}) if older else None
        return page(
            request, _LIST, {"rows": found["dead_letters"], "state": state, "states": STATES, "older": link}
        )

    async def get(self, request: web.Request) -> web.Response:
        """Show one letter with its bytes."""
        try:
            letter = await self._letters.show(request.match_info["id"])
        except NoSuchLetter as error:
            raise web.HTTPNotFound(text="There is no such dead letter.") from error
        return page(request, _ONE, {"letter": letter})

    async def post(self, request: web.Request) -> web.Response:
        """Retry or discard the ticked ones; an edited text replaces the bytes of a single one."""
        form = await checked_form(request)
        ids = form.getall("id", [])
        session = await get_session(request)
        if not ids:
            tell(session, "Tick at least one.", problem=True)
            return see_other(_HOME)
        try:
            done = await self._do(request[OPERATOR_KEY] or "", ids, form)
        except InvalidInput as error:
            tell(session, error.why, problem=True)
            return see_other(f"{_HOME}/{quote(ids[0], safe='')}" if len(ids) == 1 else _HOME)
        kept = [each["why"] for each in done if each["action"] == "kept"]
        tell(session, kept[0] if kept else "It is done.", problem=bool(kept))
        return see_other(_HOME)

    async def _do(self, by: str, ids: list[str], form: Mapping[str, str]) -> list[Json]:
        if form.get("do") == "discard":
            why = form.get("reason", "").strip()
            if not why:
                raise InvalidInput("reason", "Say why it is discarded; the reason is kept.")
            return await self._letters.discard(by, ids, why)
        return await self._letters.retry(by, ids, None, await self._edited(ids[0], form.get("value")))

    async def _edited(self, letter_id: str, text: str | None) -> bytes | None:
        """Return the bytes of a text, or None if it was not changed. Browsers end lines with CR LF."""
        if text is None:
            return None
        value = (await self._letters.show(letter_id))["value"]
        text = text.replace("\r\n", "\n")
        return None if value and value["text"] == text else text.encode()
