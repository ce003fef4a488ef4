"""Checks of settings whose type does not fix their shape: addresses, the sender, the time zone. Pure."""

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from math import inf
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import phonenumbers

from schemas.errors import ConfigurationError, InvalidNumber
from schemas.phone import e164
from schemas.secret import Secret

if TYPE_CHECKING:
    from schemas.settings import Settings

_HOST_PORT = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:(\d{1,5}))?$")
# What Kafka allows in a topic's name; our longest takes 21 of its 249 characters.
_TOPIC_PREFIX = re.compile(r"^[A-Za-z0-9._-]{0,200}$")
_LARGEST_PORT = 65535
# Longer than anybody waits or keeps; what is far beyond it is no time that Python or Postgres can count.
_MOST_DAYS = 36_500
# One in sixteen hours: a slower rate is none.
_SLOWEST = 0.001
_UNITS = {"_days": 1.0, "_hours": 24.0, "_seconds": 86_400.0}
# JSON, and what a human may have chosen.
_SPACED = ("operator_tokens", "kafka_sasl_password")
_URLS = (
    "stats_url",
    "backend_url",
    "public_base_url",
    "twilio_api_base_url",
    "elevenlabs_api_base_url",
    "kafka_oauth_token_url",
)


def check_shapes(settings: "Settings") -> None:
    """Check every setting that is set.

    Raises:
        ConfigurationError: one line that names the variable and how to write it. Its value, which may be a
            secret, is not in it.
    """
    for name, value in settings:
        if name.endswith("_sid") or (isinstance(value, Secret) and name not in _SPACED):
            _check(name, value, _is_one_word, "has a blank or a line's end before or after it")
    for name in _URLS:
        _check(name, getattr(settings, name), _is_http, "write it as https://host[:port], without ? and #")
    _check(
        "database_url",
        settings.database_url,
        _is_postgres,
        "write it as postgresql://user:password@host:5432/name",
    )
    _check(
        "kafka_bootstrap_servers",
        settings.kafka_bootstrap_servers,
        _is_servers,
        "write it as host:port[,host:port…]",
    )
    _check(
        "twilio_whatsapp_from", settings.twilio_whatsapp_from, _is_sender, "write it as whatsapp:+14155238886"
    )
    _check("default_region", settings.default_region, _is_region, "no such country; write it as CO")
    _check(
        "stats_timezone", settings.stats_timezone, _is_zone, "no such time zone; write it as America/Bogota"
    )
    _check(
        "bind_host", settings.bind_host, _is_address, "write it as 127.0.0.1, or 0.0.0.0 for all addresses"
    )
    _check("trusted_proxies", settings.trusted_proxies, _is_networks, "write it as 10.0.0.0/8, 192.0.2.7")
    _check("topic_prefix", settings.topic_prefix, _is_topic_prefix, "letters, digits, '.', '_' and '-' only")
    for name, value in settings:
        _check_duration(name, value)
    if settings.topic_replication_factor == 0:
        raise ConfigurationError(
            "TOPIC_REPLICATION_FACTOR: must be 1 or more, or -1 for the broker's default"
        )


def _check(name: str, value: str | None, is_right: Callable[[str], bool], how: str) -> None:
    if value is not None and not is_right(value):
        raise ConfigurationError(f"{name.upper()}: {how}")


def _check_duration(name: str, value: object) -> None:
    """Check a setting whose name ends with a unit, or is a rate; NaN is neither."""
    if "_per_" in name and isinstance(value, float) and not (value == 0 or _SLOWEST <= value < inf):
        raise ConfigurationError(f"{name.upper()}: at least {_SLOWEST}")
    in_a_day = next((many for unit, many in _UNITS.items() if name.endswith(unit)), None)
    if in_a_day is None or not isinstance(value, int | float) or value / in_a_day <= _MOST_DAYS:
        return
    raise ConfigurationError(f"{name.upper()}: at most {_MOST_DAYS * in_a_day:.0f}")


def _is_one_word(word: str) -> bool:
    """Return whether a token or id is sent as it is written: a file's last line break would be sent, too."""
    return word.isprintable() and word == word.strip()


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number, or too large
        return False
    return is_whole and not parts.query and not parts.fragment and not any(map(str.isspace, url))


def _is_postgres(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme not in ("postgresql", "postgres"):
        return False
    hosts = parts.netloc.rpartition("@")[2]
    return not hosts or all(_is_host_port(host) for host in hosts.split(","))


def _is_servers(servers: str) -> bool:
    return all(_is_host_port(server.strip()) for server in servers.split(","))


def _is_host_port(text: str) -> bool:
    found = _HOST_PORT.match(text)
    return found is not None and 0 < int(found[3] or _LARGEST_PORT) <= _LARGEST_PORT


def _is_sender(sender: str) -> bool:
    number = sender.removeprefix("whatsapp:")
    try:
        return sender.startswith("whatsapp:+") and e164(number) == number
    except InvalidNumber:
        return False


def _is_region(region: str) -> bool:
    return region in phonenumbers.SUPPORTED_REGIONS


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_networks(text: str) -> bool:
    try:
        return all(ip_network(each.strip(), strict=False) for each in text.split(",") if each.strip())
    except ValueError:
        return False


def _is_topic_prefix(prefix: str) -> bool:
    return _TOPIC_PREFIX.match(prefix) is not None
