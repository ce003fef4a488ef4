"""What providers' panels put into DATABASE_URL."""

import asyncpg
import pytest
from asyncpg.connect_utils import _parse_connect_dsn_and_args

from schemas.database_url import database_url
from schemas.errors import ConfigurationError
from schemas.settings import load_settings

BASE = "postgresql://anna:pa%20ss@db.example.com:5432/wa"


def _server_settings(dsn: str) -> dict[str, str]:
    """What asyncpg would tell Postgres."""
    arguments = dict.fromkeys(
        (
            "host",
            "port",
            "user",
            "password",
            "passfile",
            "database",
            "ssl",
            "direct_tls",
            "server_settings",
            "target_session_attrs",
            "krbsrvname",
            "gsslib",
            "service",
            "servicefile",
        )
    )
    _, parameters = _parse_connect_dsn_and_args(dsn=dsn, **arguments)
    return dict(parameters.server_settings or {})


@pytest.mark.parametrize(
    ("query", "settings", "unused"),
    [
        ("", {}, ()),
        ("sslmode=disable&channel_binding=require", {}, ("channel_binding",)),
        ("sslmode=disable&pgbouncer=true&connect_timeout=15", {}, ("pgbouncer", "connect_timeout")),
        ("sslmode=disable&schema=campaigns", {"search_path": "campaigns"}, ()),
        ("sslmode=disable&currentSchema=a%2Cb", {"search_path": "a,b"}, ()),
        ("sslmode=disable&options=-c%20work_mem%3D8MB", {"options": "-c work_mem=8MB"}, ()),
        ("sslmode=disable&uselibpqcompat=true&sslsni=1", {}, ("uselibpqcompat", "sslsni")),
    ],
)
def test_it_is_understood_or_left_out_by_name(
    query: str, settings: dict[str, str], unused: tuple[str, ...]
) -> None:
    found = database_url(f"{BASE}?{query}" if query else BASE)
    assert (_server_settings(found.dsn), found.unused) == (settings, unused)


def test_what_is_the_systems_is_found() -> None:
    dsn = database_url(f"{BASE}?sslmode=verify-full&sslrootcert=system").dsn
    assert "sslrootcert=%2F" in dsn
    assert _server_settings(dsn) == {}


def test_several_hosts_stay_several() -> None:
    dsn = database_url(
        "postgresql://a:b@one:5432,two:5433/wa?target_session_attrs=primary&sslmode=disable"
    ).dsn
    assert dsn.startswith("postgresql://a:b@one:5432,two:5433/wa?")


@pytest.mark.parametrize("name", ["sslmodus", "requiressl", "sslaccept"])
def test_what_means_nothing_or_cannot_be_kept_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{name}' is not known"):
        database_url(f"{BASE}?{name}=require")


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'sslrootcert' names a file"):
        database_url(f"{BASE}?sslrootcert=/nowhere/ca.pem")


def test_settings_have_the_url_that_can_be_used() -> None:
    settings = load_settings({"DATABASE_URL": f"{BASE}?pgbouncer=true"})
    assert (settings.database_url, settings.unused_database_parameters) == (BASE, ("pgbouncer",))
    assert load_settings({}).unused_database_parameters == ()


def test_the_driver_still_hands_on_what_it_does_not_know() -> None:
    """Why all this is needed; once asyncpg refuses or ignores it, this module may go."""
    assert asyncpg.__version__
    assert _server_settings(f"{BASE}?sslmode=disable&channel_binding=require") == {
        "channel_binding": "require"
    }
