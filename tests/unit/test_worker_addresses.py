"""A name with several addresses stands for as many workers, and is looked up anew each time."""

import socket

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clients.views import Found, WorkerViews, urls_behind
from schemas.settings import load_settings


class Names:
    """A resolver with names of its own; others are not known."""

    def __init__(self, **known: Found) -> None:
        self.known = {f"{name}.test": found for name, found in known.items()}

    async def __call__(self, host: str, port: int | None) -> Found:
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return self.known[host]


def _v4(*hosts: str) -> Found:
    return [(socket.AF_INET, host) for host in hosts]


def _v6(*hosts: str) -> Found:
    return [(socket.AF_INET6, host) for host in hosts]


@pytest.mark.parametrize(
    ("found", "urls"),
    [
        (_v4("10.0.0.2", "10.0.0.1"), ["http://10.0.0.1:6066", "http://10.0.0.2:6066"]),
        (_v4("10.0.0.1"), ["http://w.test:6066"]),
        (_v4("10.0.0.1") + _v6("fd00::1"), ["http://w.test:6066"]),  # one process with two addresses
        (
            _v4("10.0.0.1", "10.0.0.2") + _v6("fd00::1", "fd00::2"),
            ["http://10.0.0.1:6066", "http://10.0.0.2:6066"],
        ),
        (_v6("fd00::1", "fd00::2"), ["http://[fd00::1]:6066", "http://[fd00::2]:6066"]),
    ],
)
async def test_each_address_is_a_worker(found: Found, urls: list[str]) -> None:
    assert await urls_behind("http://w.test:6066", Names(w=found)) == urls


@pytest.mark.parametrize("url", ["http://gone.test:6066", "https://w.test:6066", "nothing"])
async def test_what_has_no_addresses_or_a_certificate_stays_as_it_is(url: str) -> None:
    assert await urls_behind(url, Names(w=_v4("10.0.0.1", "10.0.0.2"))) == [url]


@pytest.mark.parametrize("url", ["http://127.0.0.1:6066", "http://localhost:6066"])
async def test_the_systems_resolver_knows_this_machine_as_one(url: str) -> None:
    assert await urls_behind(url) == [url]


async def test_workers_that_come_and_go_under_one_name_are_asked_as_they_are() -> None:
    async def partitions(request: web.Request) -> web.Response:
        return web.json_response({"behind": 1})

    app = web.Application()
    app.router.add_get("/partitions", partitions)
    names = Names(w=_v4("127.0.0.1", "127.0.0.2"))  # the second does not listen
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        settings = load_settings({}, worker_urls=f"http://w.test:{server.port}")
        views = WorkerViews(settings, session, names)
        one, two = f"http://127.0.0.1:{server.port}", f"http://127.0.0.2:{server.port}"
        assert await views.partitions() == {one: {"behind": 1}, two: None}
        names.known.clear()
        assert await views.partitions() == {f"http://w.test:{server.port}": None}
