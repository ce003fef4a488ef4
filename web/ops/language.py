"""Spanish or English: as chosen on the page, else by the browser, else Spanish. Texts are in English."""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO

from aiohttp import web
from babel import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("es", "en")
COOKIE = "ops_language"


def language_of(request: web.Request) -> str:
    """Return `es` or `en`."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    header = request.headers.get("Accept-Language", "")
    wanted = [part.split(";")[0].strip() for part in header.split(",") if part.strip()]
    return negotiate_locale(wanted, LANGUAGES, sep="-") or LANGUAGES[0]


@cache
def translations(language: str) -> NullTranslations:
    """Return the texts of a language; English is what is in the code."""
    if language != "es":
        return NullTranslations()
    source = files("web.ops").joinpath("locale/es/LC_MESSAGES/ops.po")
    compiled = BytesIO()
    with source.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
