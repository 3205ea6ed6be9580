"""A signed call is accepted as it was sent, in its time, and not otherwise."""

from datetime import UTC, datetime, timedelta

import pytest

from kernel.errors import Unauthenticated
from kernel.signing import Credentials, SignatureInvalid, authorization, parse_authorization, sign, verify

SECRET = "sync-test-secret"
SENT_AT = 1_790_000_000
NOW = datetime.fromtimestamp(SENT_AT, UTC)
CALL = {
    "method": "POST",
    "path": "/v1/sync/merchants",
    "query": "",
    "nonce": "b1946ac92492d2347c6235b4d2611184",
    "body": b'{"client_partner_id":1,"merchants":[]}',
}
SIGNATURE = "9a1ffc8d05684e3c4d5d3ffbd614f242bbcb2c1c62da6ff12fc5dbd20b2f3de8"


def credentials(**changes):
    call = CALL | {"timestamp": SENT_AT} | changes
    return Credentials("svc", call["timestamp"], sign(SECRET, **call))


def test_the_published_vector_holds():
    assert sign(SECRET, timestamp=SENT_AT, **CALL) == SIGNATURE
    verify([SECRET], Credentials("svc", SENT_AT, SIGNATURE), now=NOW, **CALL)


def test_either_of_two_secrets_is_accepted():
    for secrets in ([SECRET, "next"], ["next", SECRET]):
        verify(secrets, credentials(), now=NOW, **CALL)


@pytest.mark.parametrize("secrets", [(), ("other",), ("other", "another"), ("0" * 64,), ("",)])
def test_other_secrets_are_refused(secrets):
    with pytest.raises(SignatureInvalid):
        verify(secrets, credentials(), now=NOW, **CALL)


def test_an_unknown_key_cannot_be_signed_for():
    dummy = Credentials("svc", SENT_AT, sign("0" * 64, timestamp=SENT_AT, **CALL))
    with pytest.raises(SignatureInvalid):
        verify((), dummy, now=NOW, **CALL)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/v1/sync/run"},
        {"path": "/v1/sync/merchants/"},
        {"query": "a=1"},
        {"nonce": "b1946ac92492d2347c6235b4d2611185"},
        {"body": b'{"client_partner_id":2,"merchants":[]}'},
        {"body": b""},
    ],
)
def test_whatever_is_changed_breaks_the_signature(change):
    with pytest.raises(SignatureInvalid):
        verify([SECRET], credentials(), now=NOW, **CALL | change)


def test_another_time_breaks_the_signature():
    with pytest.raises(SignatureInvalid):
        verify([SECRET], credentials()._replace(timestamp=SENT_AT + 1), now=NOW, **CALL)


@pytest.mark.parametrize(("seconds", "accepted"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_the_window_is_five_minutes_both_ways(seconds, accepted):
    now = NOW + timedelta(seconds=seconds)
    if accepted:
        verify([SECRET], credentials(), now=now, **CALL)
    else:
        with pytest.raises(SignatureInvalid):
            verify([SECRET], credentials(), now=now, **CALL)


@pytest.mark.parametrize(
    ("nonce", "accepted"),
    [("0" * 15, False), ("0" * 16, True), ("f" * 64, True), ("f" * 65, False), ("g" * 32, False),
     ("", False), ("0" * 16 + "\n", False)],
)  # fmt: skip
def test_a_nonce_is_16_to_64_hex_digits(nonce, accepted):
    call = CALL | {"nonce": nonce}
    if accepted:
        verify([SECRET], credentials(nonce=nonce), now=NOW, **call)
    else:
        with pytest.raises(SignatureInvalid):
            verify([SECRET], credentials(nonce=nonce), now=NOW, **call)


def test_a_line_break_cannot_move_text_from_one_part_to_another():
    shifted = CALL | {"path": "/v1/sync/merchants\nx", "query": "y"}
    with pytest.raises(SignatureInvalid):
        verify([SECRET], credentials(path=shifted["path"], query="y"), now=NOW, **shifted)


def test_the_header_is_written_and_read():
    header = authorization("svc-1", timestamp=SENT_AT, signature=SIGNATURE)
    assert header == f"HMAC-SHA256 svc-1:{SENT_AT}:{SIGNATURE}"
    assert parse_authorization(header) == Credentials("svc-1", SENT_AT, SIGNATURE)
    assert parse_authorization(header.replace("9a1ffc", "9A1FFC")).signature == SIGNATURE


@pytest.mark.parametrize(
    "header",
    [
        "",
        "HMAC-SHA256",
        f"HMAC-SHA1 svc:{SENT_AT}:{SIGNATURE}",
        f"HMAC-SHA256 :{SENT_AT}:{SIGNATURE}",
        f"HMAC-SHA256 svc:-5:{SIGNATURE}",
        f"HMAC-SHA256 svc:{'9' * 13}:{SIGNATURE}",
        f"HMAC-SHA256 svc:๑:{SIGNATURE}",
        f"HMAC-SHA256 svc:{SENT_AT}:{SIGNATURE[:-1]}",
        f"HMAC-SHA256 svc:{SENT_AT}:{SIGNATURE}\n",
        f"HMAC-SHA256  svc:{SENT_AT}:{SIGNATURE}",
        f"HMAC-SHA256 s{'v' * 64}:{SENT_AT}:{SIGNATURE}",
    ],
)
def test_a_malformed_header_is_refused_like_a_wrong_signature(header):
    with pytest.raises(SignatureInvalid):
        parse_authorization(header)


def test_every_refusal_reads_the_same():
    assert issubclass(SignatureInvalid, Unauthenticated)
    assert (SignatureInvalid().code, SignatureInvalid().message) == (
        "signature_invalid",
        "The signature of this call is not valid.",
    )
