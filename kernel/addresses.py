"""Where a request comes from: the address that limits count and records keep."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

IPV6_NETWORK = 64


def client_address(request: HttpRequest) -> str:
    """The address of the client behind the `MPAC_PROXY_HOPS` proxies that are ours; the peer's own without any.

    Each of our proxies adds its peer at the end of X-Forwarded-For, so only that many entries from the end can be
    believed: what stands before them is the client's own invention.
    """
    peer: str = request.META.get("REMOTE_ADDR", "")
    hops: int = settings.MPAC_PROXY_HOPS
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if not hops or len(forwarded) < hops:
        return peer
    claimed = forwarded[-hops].strip()
    return claimed if _parsed(claimed) else peer


def network_of(address: str) -> str:
    """What counts as one sender: an IPv4 address, or the IPv6 network that one subscriber gets."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((parsed.packed, IPV6_NETWORK), strict=False))
    return address


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
