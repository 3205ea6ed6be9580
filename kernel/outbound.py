"""Calls to addresses that somebody else has chosen, such as a partner's webhook endpoint.

The name is resolved here, every address it resolves to must be public, and the connection goes to one of the very
addresses that were checked: what the name means a moment later does not matter. TLS and the Host header still carry the
name. Redirects are not followed and no proxy of the environment is used. One deadline covers resolving, connecting,
sending and reading, however slowly the other side drips; of its answer only the beginning is read.
"""

import ipaddress
import os
import re
import socket
import ssl
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

import httpcore2

MAX_URL = 2048
CONNECT_TIMEOUT_S = 5.0
MAX_ADDRESSES = 3
RESOLVER_THREADS = 32
HTTPS_PORT = 443
HTTP_PORT = 80
FIRST_UNPRIVILEGED_PORT = 1024
_PRINTABLE = re.compile(r"[!-\[\]-~]+")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# A last label without a letter would be read as a number, and a number as an IPv4 address: 127.1, 2130706433, 0x7f.1.
_NAME = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z0-9-]*[a-z])(?!0x){_LABEL}")

_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
            *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            "224.0.0.0/3",
            "168.63.129.16/32",  # looks public, and is a cloud's own service behind every machine in it
            "2001::/23",  # protocol assignments, among them Teredo, which carries IPv4 addresses
            *("2001:db8::/32", "3fff::/20"),  # examples
            "2002::/16",  # 6to4, which carries IPv4 addresses
            "2620:4f:8000::/48",
        ),
    )
)


class OutboundFault(Exception):
    """There is no answer. `code` says in one word why; nothing in it tells what lies behind a refused address."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class OutboundRefused(OutboundFault):
    """We will not call this address, now or later."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be called, taken apart. A trusted one may be plain HTTP and private."""

    scheme: str
    host: str
    port: int
    path: str
    trusted: bool

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            host
            if self.port == (HTTPS_PORT if self.scheme == "https" else HTTP_PORT)
            else f"{host}:{self.port}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The beginning of an answer, and the address that gave it."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    address: str


class Resolve(Protocol):
    """Gives the addresses of a name. Raises OutboundFault."""

    def __call__(self, host: str, port: int, *, timeout_s: float) -> Sequence[str]: ...


def is_public(address: str) -> bool:
    """Whether an address belongs to somebody on the internet: no private, local, shared, special or carried one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return is_public(str(parsed.ipv4_mapped))
        if parsed not in _PUBLIC_V6:
            return False
    return not any(parsed in network for network in _NOT_PUBLIC if network.version == parsed.version)


def parse_target(url: str, *, trusted: Collection[str] = ()) -> Target:
    """Take apart a URL that may be called: HTTPS, a full name or a public address, a usual port, no password in it.

    `trusted` names `host:port` pairs of a developer's own machine, which are spared these rules. Raises OutboundRefused.
    """
    if len(url) > MAX_URL or not _PRINTABLE.fullmatch(url):
        raise OutboundRefused("url_malformed")
    try:
        parts = urlsplit(url)
        host, port = (
            parts.hostname or "",
            parts.port or (HTTPS_PORT if parts.scheme == "https" else HTTP_PORT),
        )
    except ValueError:
        raise OutboundRefused("url_malformed") from None
    if parts.username is not None or parts.fragment or not host:
        raise OutboundRefused("url_malformed")
    is_trusted = f"{host}:{port}" in trusted and parts.scheme in {"http", "https"}
    if not is_trusted:
        _check(parts, host, port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, is_trusted)


def resolve(host: str, port: int, *, timeout_s: float) -> Sequence[str]:
    """The addresses that the system knows for a name. Raises OutboundFault."""
    asked: Future[list[Any]] = _resolvers(os.getpid()).submit(
        socket.getaddrinfo, host, port, type=socket.SOCK_STREAM
    )
    try:
        found = asked.result(timeout_s)
    except NotInTime:
        asked.cancel()
        raise OutboundFault("timed_out") from None
    except (OSError, UnicodeError):
        raise OutboundFault("name_not_found") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outbound:
    """Makes the calls. Safe to share between threads; every call has a connection of its own."""

    def __init__(self, *, resolver: Resolve = resolve, tls: ssl.SSLContext | None = None) -> None:
        self._resolver = resolver
        self._tls = tls

    def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        max_bytes: int,
        trusted: Collection[str] = (),
    ) -> Reply:
        """Send `body` and return the answer, whatever its status. Raises OutboundFault when there is none."""
        return self._call(
            "POST",
            url,
            headers=headers,
            body=body,
            timeout_s=timeout_s,
            max_bytes=max_bytes,
            trusted=trusted,
        )

    def get(self, url: str, *, timeout_s: float, max_bytes: int, trusted: Collection[str] = ()) -> Reply:
        """Read what is there, whatever its status. Raises OutboundFault when there is no answer."""
        return self._call(
            "GET", url, headers={}, body=None, timeout_s=timeout_s, max_bytes=max_bytes, trusted=trusted
        )

    def _call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: float,
        max_bytes: int,
        trusted: Collection[str],
    ) -> Reply:
        target = parse_target(url, trusted=trusted)
        guard = _Guard(self._resolver, trusted=target.trusted, deadline=time.monotonic() + timeout_s)
        address = httpcore2.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path.encode()
        )
        sent = [("Host", target.authority), ("Connection", "close"), *headers.items()]
        try:
            with (
                httpcore2.ConnectionPool(
                    ssl_context=self._tls or _system_tls(), network_backend=guard
                ) as pool,
                pool.stream(method, address, headers=sent, content=body) as answer,
            ):
                return Reply(
                    status=answer.status,
                    headers=[
                        (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers
                    ],
                    body=_beginning(answer.iter_stream(), max_bytes),
                    address=guard.address,
                )
        except httpcore2.TimeoutException:
            raise OutboundFault("timed_out") from None
        except httpcore2.ConnectError as error:
            by_tls = any(isinstance(cause, ssl.SSLError) for cause in error.args)
            raise OutboundFault("tls_failed" if by_tls else "not_connected") from None
        except httpcore2.NetworkError:
            raise OutboundFault("connection_lost") from None
        except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol):
            raise OutboundFault("answer_garbled") from None


class _Guard(httpcore2.NetworkBackend):
    """Resolves, checks, and connects to what was checked."""

    def __init__(self, resolver: Resolve, *, trusted: bool, deadline: float) -> None:
        self._resolver = resolver
        self._trusted = trusted
        self._deadline = deadline
        self._plain = httpcore2.SyncBackend()
        self.address = ""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = self._resolver(host, port, timeout_s=_left(self._deadline))
        if not addresses:
            raise OutboundFault("name_not_found")
        if not self._trusted and not all(map(is_public, addresses)):
            raise OutboundRefused("address_not_public")
        fault: Exception = OutboundFault("not_connected")
        for address in addresses[:MAX_ADDRESSES]:
            try:
                stream = self._plain.connect_tcp(
                    address, port, timeout=min(CONNECT_TIMEOUT_S, _left(self._deadline))
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                fault = error
                continue
            self.address = address
            return _Timed(stream, self._deadline)
        raise fault

    def connect_unix_socket(self, *_args: Any, **_more: Any) -> httpcore2.NetworkStream:
        raise OutboundRefused("url_malformed")


class _Timed(httpcore2.NetworkStream):
    """A connection that ends at its deadline, however busy it looks."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=_left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=_left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, timeout=_left(self._deadline))
        return _Timed(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _check(parts: SplitResult, host: str, port: int) -> None:
    """The rules for addresses of strangers."""
    if parts.scheme != "https":
        raise OutboundRefused("url_not_https")
    if port != HTTPS_PORT and port < FIRST_UNPRIVILEGED_PORT:
        raise OutboundRefused("port_not_allowed")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not _NAME.fullmatch(host):
            raise OutboundRefused("host_not_allowed") from None
        return
    if not is_public(host):
        raise OutboundRefused("address_not_public")


def _left(deadline: float) -> float:
    """Seconds until the deadline. Raises ReadTimeout after it."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout
    return left


def _beginning(pieces: Iterable[bytes], max_bytes: int) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) >= max_bytes:
            break
    return bytes(body[:max_bytes])


@cache
def _system_tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@lru_cache(maxsize=1)
def _resolvers(_pid: int) -> ThreadPoolExecutor:
    """Threads that wait for name servers, which no deadline can interrupt; a forked child makes its own."""
    return ThreadPoolExecutor(max_workers=RESOLVER_THREADS, thread_name_prefix="resolve")
