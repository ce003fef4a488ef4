"""The workers' own web views, as our other processes ask them. None means that one does not answer."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from clients.http import NO_ANSWER, ask
from clients.service_token import TOKEN_HEADER
from clients.vendor_json import Json
from schemas.errors import ConfigurationError, Unavailable
from schemas.settings import NO_TEXT, Settings

# They answer from memory, on the same network, in milliseconds; no page waits for one that hangs.
_TIMEOUT = aiohttp.ClientTimeout(total=1.0)
_OK = 200
# A command waits for whole records: a page of them is up to a few MB.
_PATIENT_TIMEOUT = aiohttp.ClientTimeout(total=15.0)
_PAGE = 2000
# 202: a rebuild has begun.
_GOOD, _UNAUTHORIZED = (200, 202), 401
_ASK_AGAIN_SECONDS = 0.5
Found = list[tuple[int, str]]
"""A name's addresses, each with its family."""
Resolve = Callable[[str, int | None], Awaitable[Found]]
# A resolver answers in milliseconds; the caller has a second for everything.
_RESOLVE_SECONDS = 1.0


async def resolved(host: str, port: int | None) -> Found:
    """Return the addresses that the system's resolver gives for a name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(address[0])) for family, *_, address in found]


async def urls_behind(url: str, resolve: Resolve = resolved) -> list[str]:
    """Return a URL for each of the host's addresses; the URL itself if there is only one, or none is found.

    HTTPS stays as it is, because a certificate is for the name.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        return [url]
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await resolve(parts.hostname, parts.port)
    except (OSError, TimeoutError):
        return [url]
    # The same process may have an address of each kind.
    old, new = (
        {host for family, host in found if family == kind} for kind in (socket.AF_INET, socket.AF_INET6)
    )
    hosts = sorted(old or {f"[{host}]" for host in new})
    port = "" if parts.port is None else f":{parts.port}"
    return [urlunsplit(parts._replace(netloc=f"{host}{port}")) for host in hosts] if len(hosts) > 1 else [url]


def token_headers(settings: Settings) -> dict[str, str]:
    """Return the header with our token; none if it is not configured."""
    return {TOKEN_HEADER: settings.microservice_token} if settings.microservice_token else {}


class StatsView:
    """`/stats` of whichever stats worker answers at STATS_URL."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._url = f"{settings.stats_url.rstrip('/')}/stats"
        self._headers = token_headers(settings)
        self._session = session

    async def get(self, query: Mapping[str, str] | None = None) -> Json | None:
        """Return its answer; None also while it recovers, a normal case in which another source is used."""
        try:
            answer = await ask(
                self._session, "GET", self._url, params=query, headers=self._headers, timeout=_TIMEOUT
            )
            return answer.json() if answer.status == _OK else None
        except NO_ANSWER:
            return None


class StatsClient:
    """All views of a stats worker, for commands.

    `patience`: seconds after which every method raises `Unavailable` if no worker answers or is ready.
    """

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, patience: float) -> None:
        self._patience = patience
        self._base = settings.stats_url.rstrip("/")
        self._headers = token_headers(settings)
        self._session = session

    async def figures(self) -> Json:
        """Return `/stats`."""
        return await self._ask("GET", "/stats", {})

    async def partitions(self) -> int:
        """Return how many partitions there are."""
        return int((await self._ask("GET", "/records", {"partition": "0", "limit": "1"}))["partitions"])

    async def records(self, partition: int) -> dict[str, Json]:
        """Return all records of a partition by their numbers."""
        found: dict[str, Json] = {}
        after = 0
        while True:
            query = {"partition": str(partition), "after": str(after), "limit": str(_PAGE)}
            page = (await self._ask("GET", "/records", query, _PATIENT_TIMEOUT))["records"]
            found |= {record["phone_number"]: record for record in page}
            if len(page) < _PAGE:
                return found
            after = page[-1]["conversation_id"]

    async def rebuild(self, begin: str | None) -> list[Json]:
        """Have every worker rebuild its records, or ask how far each is. `begin`: "topic" or "postgres"."""
        method, query = ("POST", {"source": begin}) if begin else ("GET", dict[str, str]())
        workers: list[Json] = (await self._ask(method, "/rebuild", query))["workers"]
        return workers

    async def _ask(
        self, method: str, path: str, query: dict[str, str], timeout: aiohttp.ClientTimeout = _TIMEOUT
    ) -> Json:
        """Ask until there is an answer: partitions may be moving, and tables recovering."""
        return await AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_delay(self._patience),
            wait=wait_fixed(_ASK_AGAIN_SECONDS),
            reraise=True,
        )(self._ask_once, method, path, query, timeout)

    async def _ask_once(
        self, method: str, path: str, query: dict[str, str], timeout: aiohttp.ClientTimeout
    ) -> Json:
        url = self._base + path
        try:
            answer = await ask(
                self._session, method, url, params=query, headers=self._headers, timeout=timeout
            )
            if answer.status == _UNAUTHORIZED:
                raise ConfigurationError("MICROSERVICE_TOKEN: the stats worker has another one, or none")
            body = answer.json()
        except NO_ANSWER as error:
            raise Unavailable(f"no stats worker answers at STATS_URL ({self._base})") from error
        if answer.status not in _GOOD:
            raise Unavailable(f"stats worker: {body.get('details') or body.get('error')}")
        return body


class WorkerViews:
    """`/partitions` of each worker in WORKER_URLS.

    A name with several addresses stands for as many workers. It is looked up each time: a set of
    pods grows and shrinks.
    """

    def __init__(
        self, settings: Settings, session: aiohttp.ClientSession, resolve: Resolve = resolved
    ) -> None:
        urls = (url.strip().rstrip("/") for url in settings.worker_urls.split(","))
        self._urls = [url for url in urls if url and url != NO_TEXT]
        self._session = session
        self._resolve = resolve

    async def partitions(self) -> dict[str, Json | None]:
        """Return each worker's answer by its URL; all are asked concurrently."""
        found = await asyncio.gather(*(urls_behind(url, self._resolve) for url in self._urls))
        urls = [url for behind in found for url in behind]
        views = await asyncio.gather(*map(self._one, urls))
        return dict(zip(urls, views, strict=True))

    async def _one(self, url: str) -> Json | None:
        try:
            return (await ask(self._session, "GET", f"{url}/partitions", timeout=_TIMEOUT)).json()
        except NO_ANSWER:
            return None
