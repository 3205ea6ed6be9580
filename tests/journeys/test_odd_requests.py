"""Requests that no honest client sends, byte by byte, to a running platform."""

import json
import socket
from urllib.parse import urlsplit

import pytest

INTENTS = "/v1/payment-intents"
JSON = b"Content-Type: application/json"
INTENT = b'{"amount": 100, "currency": "THB", "merchant_id": 1, "store_id": 1%s}'


@pytest.fixture
def ask(platform):
    """Send exactly these bytes as the PSP's server; the status, the headers and the body of the answer."""
    address = urlsplit(platform.demo["base_url"])
    credential = f"Authorization: Bearer {platform.demo['psp']['api_key']}".encode()

    def send(method, path, body=b"", *headers, length=True):
        lines = [
            f"{method} {path} HTTP/1.1".encode("latin-1"),
            b"Host: localhost",
            b"Connection: close",
            b"Idempotency-Key: odd",
            credential,
            *headers,
        ]
        if length:
            lines.append(b"Content-Length: %d" % len(body))
        with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
            connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            answer = connection.makefile("rb").read()
        head, _, content = answer.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        named = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        if named.get("transfer-encoding") == "chunked":
            content = unchunked(content)
        return int(first.split()[1]), named, content

    return send


def unchunked(content):
    whole = b""
    while content:
        size, _, content = content.partition(b"\r\n")
        whole, content = whole + content[: int(size, 16)], content[int(size, 16) + 2 :]
    return whole


def code(answer):
    """Status and code of an answer that must be a problem document."""
    status, headers, content = answer
    assert headers["content-type"] == "application/problem+json"
    assert {"x-request-id", "ratelimit", "ratelimit-policy"} <= headers.keys()
    problem = json.loads(content)
    assert problem["status"] == status
    return status, problem["code"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (INTENT % b', "reference": "\\u0000"', (400, "invalid")),
        (INTENT % b', "metadata": {"\\u0000": ""}', (400, "invalid")),
        (INTENT % b', "reference": "\x00"', (400, "malformed_json")),
        (INTENT % b', "reference": "\\ud800"', (400, "malformed_json")),
        (INTENT % b', "reference": "\xed\xa0\x80"', (400, "malformed_json")),
        (INTENT % b', "reference": "\xff"', (400, "malformed_json")),
        (INTENT % b', "amount": 1', (400, "malformed_json")),
        (INTENT % b', "metadata": {"a": "1", "a": "2"}', (400, "malformed_json")),
        (b'{"amount": ' + b"9" * 5000 + b"}", (400, "invalid")),
        (b'{"amount": 1e999}', (400, "invalid")),
        (b'{"metadata": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", (400, "invalid")),
        (b"[" * 100_000, (400, "invalid")),
        (b"\xef\xbb\xbf" + INTENT % b"", (400, "malformed_json")),
    ],
    ids=[
        *("NUL", "NUL name", "bare NUL", "half a pair", "half a pair in bytes", "not UTF-8", "name twice"),
        *("name twice inside", "huge integer", "huge number", "deep", "deep and cut", "byte order mark"),
    ],
)
def test_bodies(ask, body, expected):
    assert code(ask("POST", INTENTS, body, JSON)) == expected


def test_a_backslash_is_no_escape(ask):
    """The six characters of an escape sequence are a text like any other when the backslash itself is escaped."""
    status, _, content = ask("POST", INTENTS, INTENT % b', "reference": "\\\\u0000"', JSON)
    assert (status, json.loads(content)["reference"]) == (201, "\\u0000")


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (b"Content-Type: text/plain",),
        (b"Content-Type: application/json; charset=utf-16",),
        (b"Content-Type: application/jsonp",),
        (JSON, b"Content-Encoding: gzip"),
    ],
)
def test_bodies_of_another_kind(ask, headers):
    assert code(ask("POST", INTENTS, INTENT % b"", *headers)) == (415, "unsupported_media_type")


def test_bodies_in_chunks(ask):
    def chunks(*parts):
        return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))

    wish = INTENT % b', "reference": "in chunks"'
    chunked = (JSON, b"Transfer-Encoding: chunked", b"Idempotency-Key: chunks")
    status, _, content = ask("POST", INTENTS, chunks(wish[:9], wish[9:]), *chunked, length=False)
    assert (status, json.loads(content)["reference"]) == (201, "in chunks")
    answer = ask("POST", INTENTS, chunks(*[b" " * 65_536] * 5), *chunked, length=False)
    assert code(answer) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        *((path, (404, "not_found")) for path in ("//", "/v1//orders", "/v1/orders/", "/v1/orders;a=b", "*")),
        *(
            (f"/v1/orders/{name}", (404, "not_found"))
            for name in ("%00", "%ff", "%zz", "%", "..", "%2e%2e", "a%2Fb", "%E0%A4%A", "a" * 60_000)
        ),
        *((f"/v1/stores/{name}", (404, "not_found")) for name in ("0", "01", "1%00", "%D9%A1", "9" * 400)),
        *(
            (f"/v1/orders?{query}", (400, "invalid"))
            for query in ("cursor=%00", "status=%ff", "%00=1", "a;b", "limit=1&limit=1", "status=null")
        ),
        ("/v1/orders?cursor=" + "a" * 60_000, (400, "invalid")),
        ("/v1/orders?" + "&".join(f"a{number}=" for number in range(2000)), (400, "invalid")),
        ("/v1/devices/me?verbose=1", (403, "forbidden")),
        ("/v1/psps/1?verbose=1", (400, "invalid")),
    ],
    ids=lambda value: str(value)[:30],
)
def test_addresses(ask, path, expected):
    assert code(ask("GET", path)) == expected


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "PUT", "QUERY", "TRACE", "NONSENSE"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/orders", "GET, POST, HEAD"),
        ("/v1/auth/token", "POST"),
        ("/v1/docs", "GET, HEAD"),
        ("/livez", "GET, HEAD"),
    ],
)
def test_methods(ask, method, path, allowed):
    status, headers, content = ask(method, path)
    assert (status, json.loads(content)["code"], headers["allow"]) == (405, "method_not_allowed", allowed)
    assert headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("header", [b"X-Request-Id: a b<>", b"X-Big: " + b"a" * 60_000, b"If-Match: \xb2"])
def test_headers(ask, header):
    status, headers, _ = ask("GET", "/v1/orders?limit=1", b"", header)
    assert (status, headers["x-request-id"][:4]) == (200, "req_")
