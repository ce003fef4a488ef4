"""`DATABASE_URL` as providers' panels write it, made into one that asyncpg understands as a whole.

asyncpg passes parameters it does not know to Postgres as session settings, and Postgres refuses all but its
own (`unrecognized configuration parameter "channel_binding"`). Sources: libpq's connection parameters, and
the pages of Prisma and Neon.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from schemas.errors import ConfigurationError


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# asyncpg's own parameters (connect_utils), and those of libpq that it has under the same name.
_DRIVERS = _names(
    "host port user password dbname database passfile service sslmode sslcert sslkey sslcrl sslpassword "
    "sslnegotiation ssl_min_protocol_version ssl_max_protocol_version target_session_attrs krbsrvname gsslib"
)
# Settings of a Postgres session that people set here.
_SESSIONS = _names(
    "application_name options search_path statement_timeout lock_timeout "
    "idle_in_transaction_session_timeout timezone client_encoding work_mem"
)
# For other drivers, or useless to ours, which has its own time-outs, pool and keep-alives and authenticates
# without channel binding. None of them asks for encryption: such a one is refused if it cannot be honoured.
_UNUSED = _names(
    "channel_binding connect_timeout connection_limit connectiontimeout fallback_application_name gssencmode "
    "keepalives keepalives_count keepalives_idle keepalives_interval max_pool_size pgbouncer pool_mode "
    "pool_timeout prepared_statements socket_timeout sslcompression sslsni statement_cache_size supa "
    "tcp_user_timeout uselibpqcompat workaround"
)
_SCHEMA = frozenset({"schema", "currentschema"})
_ROOT, _SYSTEM = "sslrootcert", "system"
_FILES = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl"})


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A URL as asyncpg takes it (`dsn`), and the names of the parameters that it leaves out (`unused`)."""

    dsn: str
    unused: tuple[str, ...]


def database_url(written: str) -> DatabaseUrl:
    """Read a URL.

    Raises:
        ConfigurationError: one line that names a parameter that is unknown here, or whose file is missing.
    """
    parts = urlsplit(written)
    kept: list[tuple[str, str]] = []
    unused: list[str] = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        found = _parameter(name.lower(), value)
        if found:
            kept.append(found)
        else:
            unused.append(name)
    return DatabaseUrl(urlunsplit(parts._replace(query=urlencode(kept))), tuple(unused))


def _parameter(name: str, value: str) -> tuple[str, str] | None:
    """Return the parameter to give to asyncpg, or None to leave it out."""
    if name in _SCHEMA:
        return "search_path", value
    if name == _ROOT and value == _SYSTEM:
        return _ROOT, _system_certificates()
    if name in _FILES and not Path(value).is_file():
        raise ConfigurationError(f"DATABASE_URL: its parameter {name!r} names a file that is not there")
    if name in _DRIVERS or name in _SESSIONS:
        return name, value
    if name in _UNUSED:
        return None
    raise ConfigurationError(f"DATABASE_URL: its parameter {name!r} is not known; leave it out")


def _system_certificates() -> str:
    """Return OpenSSL's file of the certificates that this machine trusts."""
    found = ssl.get_default_verify_paths()
    return found.cafile or found.openssl_cafile
