"""Whose request it is, behind our own proxies and behind those that strangers make up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.client_address import TrustedProxies

OURS = "127.0.0.1, 10.0.0.0/8, fd00::/8"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.7", [], "192.0.2.7"),
        ("192.0.2.7", ["198.51.100.1"], "192.0.2.7"),  # no proxy of ours: its word does not count
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1", "10.1.2.3"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),  # the first was written by the client
        ("127.0.0.1", ["10.9.9.9, 198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        ("127.0.0.1", ["10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["198.51.100.1, not an address"], "127.0.0.1"),
        ("127.0.0.1", ["not an address, 10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("127.0.0.1", ["[2001:db8:1:2:3::4]:4711"], "2001:db8:1:2::/64"),
        ("127.0.0.1", ["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        ("::ffff:127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("fd00::1", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db8:1:2:ffff::1", [], "2001:db8:1:2::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        (None, ["198.51.100.1"], "unknown"),
        ("", [], "unknown"),
    ],
)
def test_the_nearest_that_is_no_proxy_of_ours_is_the_client(
    peer: str | None, forwarded: list[str], client: str
) -> None:
    assert TrustedProxies(OURS).client(peer, forwarded) == client


@pytest.mark.parametrize("text", ["proxy.internal", "10.0.0.0/33", "10.0.0.1 10.0.0.2", "*"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        TrustedProxies(text)


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=4))
def test_nothing_that_is_written_there_breaks_it(peer: str, forwarded: list[str]) -> None:
    TrustedProxies(OURS).client(peer, forwarded)
    TrustedProxies(OURS).client("127.0.0.1", forwarded)
