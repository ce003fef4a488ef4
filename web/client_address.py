"""Where a request comes from: the connection's other end, or what our own proxies say. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
# One subscriber's network in IPv6: all of its addresses count as one.
_SUBSCRIBER_BITS = 64
_NOBODY = "unknown"


class TrustedProxies:
    """Proxies whose `X-Forwarded-For` counts. `text`: addresses and networks, separated by commas.

    Raises:
        ValueError: one of them is neither.
    """

    def __init__(self, text: str) -> None:
        self._networks = [ip_network(each.strip(), strict=False) for each in text.split(",") if each.strip()]

    def client(self, peer: str | None, forwarded: Iterable[str]) -> str:
        """Return what counts as one client: an IPv4 address, or an IPv6 network.

        `peer`: the connection's other end; `forwarded`: the values of `X-Forwarded-For`, as they came. Each
        proxy appends the address it heard from, so the last one that is not a proxy of ours is the client.
        The client may have written whatever precedes it.
        """
        client = _parsed(peer or "")
        told = [each.strip() for value in forwarded for each in value.split(",")]
        while client is not None and self._is_ours(client) and told:
            before = _parsed(told.pop())
            if before is None:
                break
            client = before
        return _NOBODY if client is None else _subscriber(client)

    def _is_ours(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _parsed(text: str) -> Address | None:
    """Read an address, also in brackets or with a port, as some proxies write it."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _subscriber(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address), _SUBSCRIBER_BITS), strict=False))
