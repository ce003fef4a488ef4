"""Whether Twilio can call us, by the settings alone; if not, no delivery report or message comes. Pure."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from schemas.settings import Settings

_LOCAL_NAMES: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


def is_this_machine(url: str) -> bool:
    """Return whether a URL is on this very machine, as a simulator's is."""
    return _names_this_machine(urlsplit(url).hostname or "")


def public_url_problem(settings: Settings) -> str | None:
    """Return why Twilio cannot call PUBLIC_BASE_URL, or None if nothing speaks against it.

    A simulated Twilio on this machine can call any URL it is given.
    """
    if is_this_machine(settings.twilio_api_base_url):
        return None
    if settings.public_base_url is None:
        return "not set, so that Twilio is asked for no delivery reports"
    host = urlsplit(settings.public_base_url).hostname or ""
    if _names_this_machine(host) or not _is_public(host):
        return f"{host} is of this machine or of a private network: Twilio refuses to report to it (21609)"
    return "a host's name with an underscore is refused by Twilio (21609)" if "_" in host else None


def _names_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host.rstrip(".") and not host.rstrip(".").endswith(_LOCAL_NAMES)
