"""The addresses behind a name: where processes are scaled, one name stands for all of them."""

import asyncio
import socket
from urllib.parse import urlsplit, urlunsplit

# A resolver answers in milliseconds; whoever asks has a second for all of it.
_RESOLVE_SECONDS = 1.0


async def urls_behind(url: str) -> list[str]:
    """Return a URL for each address that the host's name has; the URL itself where that is one, or cannot be told.

    HTTPS stays as it is, because a certificate is for the name.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        return [url]
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        return [url]
    # One and the same process may have an address of each kind.
    by_family = {family: {str(address[0]) for f, *_, address in found if f is family} for family, *_ in found}
    hosts = sorted(by_family.get(socket.AF_INET) or (f"[{host}]" for host in by_family.get(socket.AF_INET6, ())))
    port = "" if parts.port is None else f":{parts.port}"
    return [urlunsplit(parts._replace(netloc=f"{host}{port}")) for host in hosts] if len(hosts) > 1 else [url]
