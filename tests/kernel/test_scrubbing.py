"""What is written down holds no card number, no token and no secret."""

import time
import uuid

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kernel.ids import encode, uuid7
from kernel.scrubbing import (
    CARD,
    REDACTED,
    holds_card_number,
    is_card_number,
    is_sensitive_name,
    scrub,
    scrub_text,
)

CARDS = [
    "4111111111111111", "4242424242424242", "5555555555554444", "2223003122003222", "378282246310005",
    "6011111111111117",
    "3566002020360505", "30569309025904", "6200000000000005", "4222222222222", "6759649826438453",
    "4000000000000000006",
]  # fmt: skip
JWT = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJkZXZfMDFqIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"


def check_digit(digits):
    return next(digit for digit in "0123456789" if is_card_number(digits + digit))


numbers = st.text("0123456789", min_size=12, max_size=18).map(lambda digits: digits + check_digit(digits))


@pytest.mark.parametrize("number", CARDS)
@pytest.mark.parametrize("form", ["{}", "card {}.", "n={},", '{{"n":"{}"}}', "pan:{}x", "A{}", "{}\n"])
def test_the_test_numbers_of_the_schemes_are_removed(number, form):
    assert number not in scrub_text(form.format(number))
    assert CARD in scrub_text(form.format(number))


@given(numbers, st.sampled_from([" ", "-", "."]), st.data())
def test_a_number_is_found_through_its_separators(number, separator, data):
    cut = data.draw(st.integers(1, len(number) - 1))
    grouped = separator.join(number[at : at + 4] for at in range(0, len(number), 4))
    for text in (number, grouped, number[:cut] + separator + number[cut:]):
        assert scrub_text(f"paid with {text} today") == f"paid with {CARD} today"


@pytest.mark.parametrize("number", CARDS[:9])
def test_a_scheme_number_is_found_between_other_digits(number):
    for text in (
        f"2026 {number}",
        f"{number}2512",
        f"{number[:4]} {number[4:8]} {number[8:]} 12 26",
        f"00{number}00",
    ):
        assert number not in scrub_text(text).replace(" ", "")


@given(st.text("0123456789", min_size=13, max_size=19))
def test_digits_that_fail_the_check_are_left(digits):
    assume(not is_card_number(digits))
    assert scrub({"n": int(digits)})["n"] == int(digits)


def test_integers_are_card_numbers_too():
    assert scrub({"n": [4111111111111111]}) == {"n": [CARD]}
    assert scrub(12550) == 12550


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.def-ghi_jkl", "abc.def-ghi_jkl"),
        ("authorization=bearer ABCDEFGHIJ", "ABCDEFGHIJ"),
        ("Sec-WebSocket-Protocol: mpac.v1, bearer.abcdefghijklmnop", "abcdefghijklmnop"),
        ("Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
        ("HMAC-SHA256 svc:1790000000:" + "9a1f" * 16, "9a1f" * 16),
        ("hmac OPA-Auth:key:NW1jKIMnzR7tEh=:acd028:1579843452:1j0F==", "NW1jKIMnzR7tEh"),
        (f"token was {JWT}", JWT),
        (f"x{JWT}", JWT.split(".")[1]),
        ("key sk_test_51abcDEF and sk_live_51abcDEF", "51abcDEF"),
        ("whsec_abcdef123456", "abcdef123456"),
        ("pi_01m7yg77ake3ftrejpwt0qxnp6_secret_Zx9-abc_def", "Zx9-abc_def"),
        ("?client_secret=abc&x=1", "abc&"),
        ('{"password": "hunter2", "a": 1}', "hunter2"),
        ("{'activation_code': 'AB12-CD34'}", "AB12-CD34"),
        ("activation_code=AB12CD34", "AB12CD34"),
        ("access_token: q1w2e3r4", "q1w2e3r4"),
        ("refreshToken=q1w2e3r4", "q1w2e3r4"),
        ("API-KEY=abcd1234", "abcd1234"),
        ('api_key="two words"', "two words"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----", "MHcCAQEE"),
        ("-----BEGIN PRIVATE KEY-----\nMHcCAQEE", "MHcCAQEE"),
    ],
)
def test_secrets_in_text_are_removed(text, secret):
    cleaned = scrub_text(text)
    assert secret not in cleaned
    assert REDACTED in cleaned
    assert scrub_text(cleaned) == cleaned


@pytest.mark.parametrize(
    "name",
    ["password", "new_password", "client_secret", "clientSecret", "SECRET_KEY", "access_token",
     "refreshToken", "Authorization",
     "HTTP_AUTHORIZATION", "Cookie", "set-cookie", "api_key", "apiKey", "X-Api-Key", "api_key_encrypted",
     "private_jwk",
     "privateKey", "activation_code", "activationCode", "cvv", "CVC2", "pin", "pan", "otp", "totp_secret",
     "mfa_code",
     "card_number", "cardNumber", "credentials", "MPAC_KEKS_KEK", "jwt"],
)  # fmt: skip
def test_fields_named_after_a_secret_lose_their_value(name):
    assert is_sensitive_name(name)
    assert scrub({name: {"deep": [1, "x"]}}) == {name: REDACTED}


@pytest.mark.parametrize(
    "name",
    ["id", "status", "amount", "currency", "pinned", "company", "span", "panel", "token_endpoint",
     "token_type", "key_id", "kid",
     "idempotency_key", "operation", "opinion", "code", "error_code", "route", "mfa_required", "tokens",
     "passed"],
)  # fmt: skip
def test_other_fields_keep_theirs(name):
    assert scrub({name: "value"}) == {name: "value"}


def test_everything_nested_is_walked():
    dirty = {
        "a": [{"token": "x"}, ("4111 1111 1111 1111", b"password=hunter2")],
        "4111111111111111": None,
        "e": ValueError("sk_live_abcdef123"),
        "ok": {"n": 1, "f": 1.5, "b": True},
    }
    assert scrub(dirty) == {
        "a": [{"token": REDACTED}, [CARD, f"password={REDACTED}"]],
        CARD: None,
        "e": f"sk_live_{REDACTED}",
        "ok": {"n": 1, "f": 1.5, "b": True},
    }


@pytest.mark.parametrize(
    "text",
    [
        "a-" * 16_000 + "token",
        "a-token" * 5_000,
        "4" * 32_000,
        "4 " * 16_000,
        "eyJ" * 10_000,
        "Bearer" + " " * 32_000,
        "token" + " " * 32_000,
        "token='" * 5_000,
        "-----BEGIN " * 3_000,
    ],
    ids=lambda text: text[:8],
)
def test_no_text_takes_long(text):
    """Headers of strangers are scrubbed: a pattern that looks back and forth would take minutes."""
    started = time.process_time()
    scrub_text(text)
    assert time.process_time() - started < 1.5


def test_a_circle_ends():
    circle = {}
    circle["again"] = circle
    assert REDACTED in str(scrub(circle))


def test_ids_stay_readable():
    text = f"intent {encode('pi', uuid7())} at 2026-11-21T07:00:00.000Z took 12.5 ms"
    assert scrub_text(text) == text
    assert scrub_text(f"id {uuid.UUID(int=0xABCDEF << 100)}") == f"id {uuid.UUID(int=0xABCDEF << 100)}"


@given(st.text(max_size=300))
def test_any_text_can_be_cleaned_and_cleaning_twice_changes_nothing(text):
    once = scrub_text(text)
    assert scrub_text(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4111111111111111", True),
        ("paid with 5555-5555-5555-4444 today", True),
        ("378282246310005", True),
        ("4111111111111112", False),  # no check digit
        ("4006381333931", False),  # a product code
        ("20261121090000123", False),  # no scheme's number
        ("41111111111111110000000000", False),
        ("", False),
    ],
)
def test_text_that_is_kept_is_refused_for_card_numbers_alone(text, expected):
    assert holds_card_number(text) is expected
