"""ElevenLabs' HTTP API: one request, and what its failures mean."""

import aiohttp

from schemas.errors import RetryableError, TerminalError, VendorError
from schemas.settings import Settings
from streams.vendors.http import BROKE_OFF, CREDENTIALS_PAUSE_SECONDS, read_bounded, retry_after
from streams.vendors.vendor_json import Json, child, parse_vendor_object, words

VENDOR = "elevenlabs"

_UNAUTHORIZED = 401
_FORBIDDEN = 403
_ABSENT = frozenset({404, 405})
# Time-out, conflict, too early, too many: they pass (the vendor's own SDK repeats these and 5xx).
_PASSING = frozenset({408, 409, 425, 429})
_MISSING_PERMISSIONS = "missing_permissions"


class NotThere(TerminalError):
    """404 or 405: no such thing, or no such route. `name`: what the vendor calls it, empty for a route."""

    name: str = ""


class Forbidden(TerminalError):
    """The key is good, but not for this."""


class ElevenLabsApi:
    """One workspace over one kept-alive session."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self.base = settings.elevenlabs_api_base_url.rstrip("/")
        self.headers = {"xi-api-key": settings.elevenlabs_api_key or ""}
        self.session = session

    async def get(self, path: str, params: dict[str, str] | None = None) -> Json:
        """Get a JSON object.

        Raises:
            RetryableError: no answer that could be read, or our key is refused; `retry_after` says how long to wait.
            NotThere, Forbidden, TerminalError: refused.
        """
        return await self._request("GET", path, params=params)

    async def post(self, path: str, body: Json) -> Json:
        """Post a JSON object and give the answered one; raises as `get`."""
        return await self._request("POST", path, body=body)

    async def _request(
        self, method: str, path: str, *, params: dict[str, str] | None = None, body: Json | None = None
    ) -> Json:
        url = f"{self.base}{path}"
        try:
            async with self.session.request(
                method, url, params=params, json=body, headers=self.headers, allow_redirects=False
            ) as response:
                answer = await read_bounded(response)
        except BROKE_OFF as error:
            raise RetryableError(VENDOR, f"broke off: {type(error).__name__}") from error
        if response.status != 200:
            raise refused(response.status, answer, retry_after(response))
        try:
            return parse_vendor_object(answer)
        except ValueError as error:
            raise RetryableError(VENDOR, "answered no JSON object") from error


def refused(status: int, answer: bytes = b"", wait: float | None = None) -> VendorError:
    """Give the error of an answer that is not 200. `wait`: seconds that the vendor asked for."""
    name, why = _detail(answer)
    why = why or name or f"HTTP {status}"
    if status in _ABSENT:
        error = NotThere(VENDOR, why, status)
        error.name = name
        return error
    if status == _FORBIDDEN or (status == _UNAUTHORIZED and name == _MISSING_PERMISSIONS):
        return Forbidden(VENDOR, why, status)
    if status == _UNAUTHORIZED:  # a wrong key or an empty account (quota_exceeded): it can be put right, nothing is burnt
        return RetryableError(VENDOR, why, status, CREDENTIALS_PAUSE_SECONDS)
    if 400 <= status < 500 and status not in _PASSING:
        return TerminalError(VENDOR, why, status)
    return RetryableError(VENDOR, why, status, wait)


def _detail(answer: bytes) -> tuple[str, str]:
    """Give the status and message of an error; `detail` is a text, an object or FastAPI's list."""
    try:
        parsed = parse_vendor_object(answer)
    except ValueError:
        return "", ""
    detail = parsed.get("detail")
    if isinstance(detail, list):
        detail = detail[0] if detail else None
    if isinstance(detail, dict):
        return words(detail, "status"), words(detail, "message") or words(detail, "msg")
    return words(child(parsed, "detail"), "status"), words(parsed, "detail")
