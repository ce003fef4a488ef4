"""A name with several addresses stands for as many workers, looked up anew each time."""

import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clients.addresses import urls_behind
from clients.views import WorkerViews
from schemas.settings import load_settings

Found = dict[str, list[tuple[Any, ...]]]
_REAL = socket.getaddrinfo


def _v4(*hosts: str) -> list[tuple[Any, ...]]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 6066)) for host in hosts]


def _v6(*hosts: str) -> list[tuple[Any, ...]]:
    return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, 6066, 0, 0)) for host in hosts]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Found:
    """What names mean; a test's own resolver."""
    known: Found = {}

    def resolve(host: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the system's own
        if host.endswith(".test"):
            if host not in known:
                raise socket.gaierror(socket.EAI_NONAME, "not known")
            return known[host]
        return _REAL(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.mark.parametrize(
    ("found", "urls"),
    [
        (_v4("10.0.0.2", "10.0.0.1"), ["http://10.0.0.1:6066", "http://10.0.0.2:6066"]),
        (_v4("10.0.0.1"), ["http://w.test:6066"]),
        (_v4("10.0.0.1") + _v6("fd00::1"), ["http://w.test:6066"]),  # one process with two addresses
        (_v4("10.0.0.1", "10.0.0.2") + _v6("fd00::1", "fd00::2"), ["http://10.0.0.1:6066", "http://10.0.0.2:6066"]),
        (_v6("fd00::1", "fd00::2"), ["http://[fd00::1]:6066", "http://[fd00::2]:6066"]),
    ],
)
async def test_each_address_is_a_worker(names: Found, found: list[tuple[Any, ...]], urls: list[str]) -> None:
    names["w.test"] = found
    assert await urls_behind("http://w.test:6066") == urls


@pytest.mark.parametrize("url", ["http://gone.test:6066", "https://w.test:6066", "http://127.0.0.1:6066", "nothing"])
async def test_what_has_no_addresses_or_a_certificate_stays_as_it_is(names: Found, url: str) -> None:
    names["w.test"] = _v4("10.0.0.1", "10.0.0.2")
    assert await urls_behind(url) == [url]


async def test_workers_that_come_and_go_under_one_name_are_asked_as_they_are(names: Found) -> None:
    async def partitions(request: web.Request) -> web.Response:
        return web.json_response({"behind": 1})

    app = web.Application()
    app.router.add_get("/partitions", partitions)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        views = WorkerViews(load_settings({}, worker_urls=f"http://w.test:{server.port}"), session)
        names["w.test"] = _v4("127.0.0.1", "127.0.0.2")  # the second does not listen
        one, two = f"http://127.0.0.1:{server.port}", f"http://127.0.0.2:{server.port}"
        assert await views.partitions() == {one: {"behind": 1}, two: None}
        names.clear()
        assert await views.partitions() == {f"http://w.test:{server.port}": None}
