"""A client's address ..."""

import pytest
from django.test import RequestFactory

from kernel.addresses import client_address, network_of

PROXY = "10.0.0.5"


@pytest.mark.parametrize(
    ("hops", "forwarded", "expected"),
    [
        (0, None, PROXY),
        (0, "203.0.113.7", PROXY),
        (1, None, PROXY),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        (2, "1.1.1.1, 203.0.113.7, 10.0.0.4", "203.0.113.7"),
        (2, "203.0.113.7", PROXY),
        (1, "203.0.113.7, unknown", PROXY),
        (1, "2001:db8::7", "2001:db8::7"),
    ],
)
def test_is_what_our_own_proxies_say_and_nothing_before(settings, hops, forwarded, expected):
    settings.MPAC_PROXY_HOPS = hops
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=PROXY)) == expected


@pytest.mark.parametrize(
    ("address", "network"),
    [("203.0.113.7", "203.0.113.7"), ("2001:db8:0:1:ffff::7", "2001:db8:0:1::/64"), ("", "")],
)
def test_counts_with_its_whole_ipv6_network(address, network):
    assert network_of(address) == network
