"""The addresses behind a name: where processes are scaled, one name stands for all of them."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

Found = list[tuple[int, str]]
"""A name's addresses, each with its family."""
Resolve = Callable[[str, int | None], Awaitable[Found]]
# A resolver answers in milliseconds; whoever asks has a second for all of it.
_RESOLVE_SECONDS = 1.0


async def resolved(host: str, port: int | None) -> Found:
    """Return what the system says that a name means."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(address[0])) for family, *_, address in found]


async def urls_behind(url: str, resolve: Resolve = resolved) -> list[str]:
    """Return a URL for each address that the host's name has; the URL itself where that is one, or cannot be told.

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
    # One and the same process may have an address of each kind.
    old, new = ({host for family, host in found if family == kind} for kind in (socket.AF_INET, socket.AF_INET6))
    hosts = sorted(old or {f"[{host}]" for host in new})
    port = "" if parts.port is None else f":{parts.port}"
    return [urlunsplit(parts._replace(netloc=f"{host}{port}")) for host in hosts] if len(hosts) > 1 else [url]
