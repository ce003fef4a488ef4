"""Forms: UTF-8 and nothing else, with a bound on their fields.

Python knows a hundred encodings, and a sender who may choose one chooses the slowest: 128 kB of Punycode take
seconds.
"""

from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict

from schemas.errors import InvalidInput
from web.bodies import LARGEST_BODY, read

FORM = "application/x-www-form-urlencoded"
# ASCII is UTF-8, too.
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})
# Twilio sends some 30 fields, a page of dead letters has 50 boxes; more than this is nobody's form.
_MOST_FIELDS = 500


def check_type(request: web.Request) -> None:
    """Check that a body says to be a form in UTF-8, before it is read.

    Raises:
        HTTPUnsupportedMediaType: it is something else.
    """
    if request.content_type != FORM or (request.charset or "utf-8").lower() not in _UTF_8:
        raise web.HTTPUnsupportedMediaType(text=f"Content-Type must be {FORM}; charset=utf-8")


def parse(body: bytes) -> MultiDict[str]:
    """Parse a form; blank values and repeated names are kept.

    Raises:
        InvalidInput: bytes, as they are or behind a `%`, that are not UTF-8; more fields than anybody sends.
    """
    try:
        return _fields(body.decode(), "strict")
    except UnicodeDecodeError as error:
        raise InvalidInput("body", "has bytes that are not UTF-8") from error


def parse_leniently(body: bytes) -> MultiDict[str]:
    """Parse a form whose sender is not known yet; what is not UTF-8 is replaced.

    Raises:
        InvalidInput: more fields than anybody sends.
    """
    return _fields(body.decode("utf-8", "replace"), "replace")


def _fields(text: str, errors: str) -> MultiDict[str]:
    try:
        return MultiDict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors=errors))
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        raise InvalidInput("body", f"not a form: {error}") from error


async def read_form(request: web.Request, most: int = LARGEST_BODY) -> MultiDict[str]:
    """Read a request's form of at most so many bytes.

    Raises:
        HTTPUnsupportedMediaType: see `check_type`.
        InvalidInput: see `parse`.
        HTTPRequestEntityTooLarge, HTTPRequestTimeout: see `web.bodies.read`.
    """
    check_type(request)
    return parse(await read(request, most))
