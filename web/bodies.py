"""Request bodies: bounded in bytes and in time, and inflated only for known senders.

Pass `HANDLER_ARGS` to the application: aiohttp itself would inflate whatever a stranger sends, before any
handler sees it.
"""

import asyncio
import zlib
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict

from schemas.documents import parse_object
from schemas.errors import InvalidInput

LARGEST_BODY = 128 * 1024
"""Bytes. A call is about 1 kB, or 40 kB with a name of 10,000 characters.

JSON writes a form's byte as at most six, so an event always fits into Kafka's 1 MB.
"""
HANDLER_ARGS: Final = {
    "auto_decompress": False,
    # How long the rest of a refused request is discarded, so that whoever is still sending gets an answer.
    "lingering_time": 5.0,
}
JSON = "application/json"
# Enough for the largest body over a bad mobile network; less than the 15 s that Twilio waits.
_SECONDS = 10.0
_INFLATED = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
# Forms are UTF-8 and nothing else: Python knows a hundred encodings, and a sender free to choose would choose
# the slowest. 128 kB of Punycode take seconds.
FORM = "application/x-www-form-urlencoded"
# ASCII is UTF-8, too.
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})
# Twilio sends some 30 fields, a page of dead letters has 50 boxes; no form has more than this.
_MOST_FIELDS = 500


async def read(request: web.Request, most: int = LARGEST_BODY) -> bytes:
    """Read a whole body that is not compressed.

    Raises:
        HTTPUnsupportedMediaType: it is compressed.
        HTTPRequestEntityTooLarge: it has more than `most` bytes; if its headers say so, nothing is read.
        HTTPRequestTimeout: it did not come in time.
    """
    check_plain(request)
    return await _read(request, most)


def check_plain(request: web.Request) -> None:
    """Check that a body does not claim to be compressed.

    Raises:
        HTTPUnsupportedMediaType: it does.
    """
    if _encoding(request):
        raise web.HTTPUnsupportedMediaType(
            text="Content-Encoding must be identity", headers={"Accept-Encoding": "identity"}
        )


async def read_object(request: web.Request) -> dict[str, Any]:
    """Read the JSON object of somebody who holds the token; it may be compressed.

    Raises:
        HTTPUnsupportedMediaType: it is compressed by a method other than gzip and deflate.
        InvalidInput: it is not a JSON object, or not what its headers say.
        HTTPRequestEntityTooLarge, HTTPRequestTimeout: see `read`.
    """
    encoding = _encoding(request)
    if encoding and encoding not in _INFLATED:
        known = ", ".join([*_INFLATED, "identity"])
        raise web.HTTPUnsupportedMediaType(text=f"Content-Encoding must be one of {known}")
    body = await _read(request, LARGEST_BODY)
    return parse_object(_inflated(body, encoding) if encoding else body)


def check_json(request: web.Request) -> None:
    """Check that a body claims to be JSON, which is UTF-8 whatever charset it claims.

    Raises:
        HTTPUnsupportedMediaType: it is something else.
    """
    if request.content_type != JSON:
        raise web.HTTPUnsupportedMediaType(text=f"Content-Type must be {JSON}")


async def _read(request: web.Request, most: int) -> bytes:
    declared = request.content_length or 0
    if declared > most:
        raise web.HTTPRequestEntityTooLarge(most, declared)
    try:
        async with asyncio.timeout(_SECONDS):
            return await _collected(request, most)
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text=f"the body did not come within {_SECONDS:g} s") from error


async def _collected(request: web.Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > most:
            raise web.HTTPRequestEntityTooLarge(most, len(body))
    return bytes(body)


def _encoding(request: web.Request) -> str:
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    return "" if encoding == "identity" else encoding


def _inflated(body: bytes, encoding: str) -> bytes:
    """Inflate a body, but no further than the largest plain one allowed."""
    inflating = zlib.decompressobj(_INFLATED[encoding])
    try:
        text = inflating.decompress(body, LARGEST_BODY + 1)
    except zlib.error as error:
        raise InvalidInput("body", "cannot be decoded as its headers say") from error
    if len(text) > LARGEST_BODY:
        raise web.HTTPRequestEntityTooLarge(LARGEST_BODY, len(text))
    if not inflating.eof:
        raise InvalidInput("body", "cannot be decoded as its headers say")
    return text


def check_form(request: web.Request) -> None:
    """Check that a body claims to be a form in UTF-8, before it is read.

    Raises:
        HTTPUnsupportedMediaType: it is something else.
    """
    if request.content_type != FORM or (request.charset or "utf-8").lower() not in _UTF_8:
        raise web.HTTPUnsupportedMediaType(text=f"Content-Type must be {FORM}; charset=utf-8")


def parse_form(body: bytes) -> MultiDict[str]:
    """Parse a form; blank values and repeated names are kept.

    Raises:
        InvalidInput: bytes, plain or percent-encoded, that are not UTF-8; more fields than anybody sends.
    """
    try:
        return _fields(body.decode(), "strict")
    except UnicodeDecodeError as error:
        raise InvalidInput("body", "has bytes that are not UTF-8") from error


def parse_form_leniently(body: bytes) -> MultiDict[str]:
    """Parse a form whose sender is not known yet; what is not UTF-8 is replaced.

    Of more fields than anybody sends none is read, so that no signature of them is right.
    """
    try:
        return _fields(body.decode("utf-8", "replace"), "replace")
    except InvalidInput:
        return MultiDict()


def _fields(text: str, errors: str) -> MultiDict[str]:
    try:
        return MultiDict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors=errors))
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        raise InvalidInput("body", f"not a form: {error}") from error


async def read_form(request: web.Request, most: int = LARGEST_BODY) -> MultiDict[str]:
    """Read a request's form of at most `most` bytes.

    Raises:
        HTTPUnsupportedMediaType: see `check_form`.
        InvalidInput: see `parse_form`.
        HTTPRequestEntityTooLarge, HTTPRequestTimeout: see `web.bodies.read`.
    """
    check_form(request)
    return parse_form(await read(request, most))
