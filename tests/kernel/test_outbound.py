"""A call to an address that somebody else chose ..."""

import datetime as dt
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kernel import outbound
from kernel.outbound import Outbound, OutboundFault, OutboundRefused, is_public, parse_target
from tests.receiver import Receiver

NAME = "hooks.example.com"
PRIVATE = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "127.0.0.1", "127.1.2.3"),  # noqa: S104 - to be refused
    *("100.64.0.1", "100.127.255.255", "100.100.100.200"),  # carrier-grade NAT, a cloud's metadata in it
    *("169.254.0.1", "169.254.169.254", "169.254.170.2"),  # link-local, clouds' metadata
    *("172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"),
    *("192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "fe80::1", "fe80::1%lo", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::1", "2001::1", "2001:db8::1"),
    *("100::1", "3fff::1", "5f00::1"),
    *("", "localhost", "127.1", "0x7f000001", "2130706433", "017700000001"),
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "2606:4700::1111",
]
SAFE = {"headers": {"content-type": "application/json"}, "body": b"{}", "timeout_s": 5.0, "max_bytes": 1000}


def resolving(*answers):
    """A name server that gives one answer after the other, and the last one for ever."""
    left = list(answers)

    def resolve(host, port, *, timeout_s):
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    return resolve


@pytest.fixture
def receiver():
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate for NAME alone: the server's side and the caller's side of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


def trusting(receiver, host="127.0.0.1"):
    return SAFE | {"trusted": {f"{host}:{receiver.port}"}}


# --- which addresses are public ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PRIVATE)
def test_knows_private_addresses(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_knows_public_addresses(address):
    assert is_public(address)
    assert is_public(f"::ffff:{address}") or ":" in address


# --- where no connection goes ------------------------------------------------------------------------------------------


@pytest.fixture
def connected(monkeypatch):
    """Every connection that anybody opens."""
    opened = []

    def note(address, *_args, **_more):
        opened.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", note)
    return opened


@pytest.mark.parametrize("address", [each for each in PRIVATE if each])
def test_is_refused_when_the_name_leads_to_a_private_address(connected, address):
    with pytest.raises(OutboundRefused) as refused:
        Outbound(resolver=resolving([address])).post(f"https://{NAME}/", **SAFE)
    assert refused.value.code == "address_not_public"
    assert connected == []


def test_is_refused_when_one_of_several_addresses_is_private(connected):
    for addresses in (["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["2606:4700::1111", "::1"]):
        with pytest.raises(OutboundRefused):
            Outbound(resolver=resolving(addresses)).post(f"https://{NAME}/", **SAFE)
    assert connected == []


def test_goes_to_the_very_address_that_was_checked_when_the_name_is_bound_anew(connected):
    """The name server says a public address once and a private one from then on: it is asked once."""
    caller = Outbound(resolver=resolving(["8.8.8.8"], ["127.0.0.1"]))
    with pytest.raises(OutboundFault) as fault:
        caller.post(f"https://{NAME}/", **SAFE)
    assert fault.value.code == "not_connected"
    assert connected == [("8.8.8.8", 443)]
    with pytest.raises(OutboundRefused):
        caller.post(f"https://{NAME}/", **SAFE)
    assert connected == [("8.8.8.8", 443)]


def test_is_refused_when_the_name_is_found_only_later_and_is_private(connected):
    caller = Outbound(resolver=resolving(OutboundFault("name_not_found"), ["192.168.1.1"]))
    with pytest.raises(OutboundFault) as first:
        caller.post(f"https://{NAME}/", **SAFE)
    with pytest.raises(OutboundRefused) as second:
        caller.post(f"https://{NAME}/", **SAFE)
    assert (first.value.code, second.value.code) == ("name_not_found", "address_not_public")
    assert connected == []


def test_tries_the_next_checked_address_when_one_does_not_answer(connected):
    with pytest.raises(OutboundFault):
        Outbound(resolver=resolving(["8.8.8.8", "1.1.1.1", "9.9.9.9", "8.8.4.4"])).post(
            f"https://{NAME}/", **SAFE
        )
    assert connected == [("8.8.8.8", 443), ("1.1.1.1", 443), ("9.9.9.9", 443)]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (f"http://{NAME}/", "url_not_https"),
        (f"ftp://{NAME}/", "url_not_https"),
        ("file:///etc/passwd", "url_malformed"),
        ("gopher://127.0.0.1:6379/_FLUSHALL", "url_not_https"),
        (f"https://user:word@{NAME}/", "url_malformed"),
        (f"https://{NAME}@10.0.0.1/", "url_malformed"),
        (f"https://{NAME}\\@10.0.0.1/", "url_malformed"),
        (f"https://{NAME}/a b", "url_malformed"),
        (f"https://{NAME}/\r\nX-Evil: 1", "url_malformed"),
        (f"https://{NAME}/#part", "url_malformed"),
        ("https:///nothing", "url_malformed"),
        ("https://[::1", "url_malformed"),
        (f"https://{NAME}:99999/", "url_malformed"),
        ("https://bücher.example/", "url_malformed"),
        ("x" * 3000, "url_malformed"),
        (f"https://{NAME}:22/", "port_not_allowed"),
        (f"https://{NAME}:80/", "port_not_allowed"),
        ("https://localhost/", "host_not_allowed"),
        ("https://intranet/", "host_not_allowed"),
        (f"https://{NAME}./", "host_not_allowed"),
        ("https://127.1/", "host_not_allowed"),
        ("https://2130706433/", "host_not_allowed"),
        ("https://0x7f.0.0.1/", "host_not_allowed"),
        ("https://0x7f.0x1/", "host_not_allowed"),
        ("https://0177.0.0.01/", "host_not_allowed"),
        ("https://127.0.0.1/", "address_not_public"),
        ("https://169.254.169.254/latest/meta-data/", "address_not_public"),
        ("https://[::ffff:127.0.0.1]/", "address_not_public"),
        ("https://[fe80::1]/", "address_not_public"),
    ],
)
def test_refuses_addresses_by_their_looks(connected, url, code):
    with pytest.raises(OutboundRefused) as refused:
        Outbound(resolver=resolving(["8.8.8.8"])).post(url, **SAFE)
    assert refused.value.code == code
    assert connected == []


@pytest.mark.parametrize(
    "url",
    [f"https://{NAME}", f"https://{NAME}:8443/a?b=c", "https://xn--bcher-kva.example/", "https://8.8.8.8/"],
)
def test_takes_apart_what_may_be_called(url):
    assert parse_target(url).scheme == "https"


def test_ignores_a_proxy_of_the_environment(receiver, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", receiver.url())
    monkeypatch.setenv("ALL_PROXY", receiver.url())
    with pytest.raises(OutboundRefused):
        Outbound(resolver=resolving(["10.0.0.1"])).post(f"https://{NAME}/", **SAFE)
    assert receiver.connections == 0


def test_reads_what_is_there_whatever_its_status(receiver):
    reply = Outbound().get(
        receiver.url(path="/a?b=c"), timeout_s=5, max_bytes=1000, trusted={f"127.0.0.1:{receiver.port}"}
    )
    assert (reply.status, receiver.connections) == (501, 1)  # the server there knows POST alone
    assert b"GET" in reply.body
    with pytest.raises(OutboundRefused):
        Outbound().get(receiver.url(), timeout_s=5, max_bytes=1000)


def test_reaches_a_trusted_host_and_port_alone(receiver):
    caller = Outbound()
    reply = caller.post(receiver.url(path="/a?b=c"), **trusting(receiver))
    assert (reply.status, reply.address) == (204, "127.0.0.1")
    assert receiver.received[0].path == "/a?b=c"
    assert receiver.received[0].headers["host"] == f"127.0.0.1:{receiver.port}"
    for url in (receiver.url(), receiver.url("localhost")):
        with pytest.raises(OutboundRefused):
            caller.post(url, **SAFE, trusted={"127.0.0.1:1", "localhost"})
    assert receiver.connections == 1


def test_follows_no_redirect(receiver):
    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(307)
        handler.send_header("Location", receiver.url(path="/second"))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    receiver.answers = [elsewhere]
    assert Outbound().post(receiver.url(), **trusting(receiver)).status == 307
    assert [each.path for each in receiver.received] == ["/hook"]


# --- TLS carries the name, the connection the address ------------------------------------------------------------------


def test_proves_the_name_at_the_checked_address(authority):
    server, client = authority
    with Receiver(tls=server) as receiver:
        caller = Outbound(resolver=resolving(["127.0.0.1"]), tls=client)
        reply = caller.post(receiver.url(NAME, scheme="https"), **trusting(receiver, NAME))
        assert (reply.status, receiver.received[0].headers["host"]) == (204, f"{NAME}:{receiver.port}")


@pytest.mark.parametrize("host", ["other.example.com", "127.0.0.1"])
def test_ends_when_the_certificate_is_anothers(authority, host):
    server, client = authority
    with Receiver(tls=server) as receiver:
        caller = Outbound(resolver=resolving(["127.0.0.1"]), tls=client)
        with pytest.raises(OutboundFault) as fault:
            caller.post(receiver.url(host, scheme="https"), **trusting(receiver, host))
        assert (fault.value.code, receiver.received) == ("tls_failed", [])


# --- time and size are bounded -----------------------------------------------------------------------------------------


def test_ends_at_its_deadline_when_nothing_comes(receiver):
    released = threading.Event()
    receiver.answers = [lambda _handler: released.wait(10)]
    with pytest.raises(OutboundFault) as fault:
        Outbound().post(receiver.url(), **trusting(receiver) | {"timeout_s": 0.3})
    released.set()
    assert fault.value.code == "timed_out"


def test_ends_at_its_deadline_however_the_answer_drips(receiver):
    stopped = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "200")
        handler.end_headers()
        for _ in range(200):  # whole after four seconds
            if stopped.wait(0.02):
                break
            handler.wfile.write(b".")

    receiver.answers = [drip]
    with pytest.raises(OutboundFault) as fault:
        Outbound().post(receiver.url(), **trusting(receiver) | {"timeout_s": 0.5})
    stopped.set()
    assert fault.value.code == "timed_out"


def test_ends_at_its_deadline_when_the_name_server_hangs(monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(outbound.socket, "getaddrinfo", lambda *_args, **_more: released.wait(10))
    with pytest.raises(OutboundFault) as fault:
        Outbound().post(f"https://{NAME}/", **SAFE | {"timeout_s": 0.2})
    released.set()
    assert fault.value.code == "timed_out"


def test_reads_the_beginning_of_an_answer_without_end(receiver):
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")

    receiver.answers = [endless]
    reply = Outbound().post(receiver.url(), **trusting(receiver) | {"max_bytes": 5000})
    assert (reply.status, reply.body) == (200, b"x" * 5000)


@pytest.mark.parametrize(
    ("said", "code"), [(b"", "answer_garbled"), (b"220 smtp.example ESMTP\r\n", "answer_garbled")]
)
def test_ends_when_the_answer_is_none(receiver, said, code):
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(said)
        handler.close_connection = True

    receiver.answers = [answer]
    with pytest.raises(OutboundFault) as fault:
        Outbound().post(receiver.url(), **trusting(receiver))
    assert fault.value.code == code


def test_ends_when_nobody_listens():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with pytest.raises(OutboundFault) as fault:
            Outbound().post(f"http://127.0.0.1:{port}/", **SAFE, trusted={f"127.0.0.1:{port}"})
    assert fault.value.code == "not_connected"


def test_ends_when_there_is_no_such_name(monkeypatch):
    def unknown(*_args, **_more):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(outbound.socket, "getaddrinfo", unknown)
    with pytest.raises(OutboundFault) as fault:
        Outbound().post(f"https://{NAME}/", **SAFE)
    assert fault.value.code == "name_not_found"
