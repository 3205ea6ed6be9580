"""A sealed text opens in its own place with its own key, and nowhere else."""

import os
from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from kernel.crypto import CryptoError, key_id_of, open_sealed, rewrap, seal

OLD, NEW = os.urandom(32), os.urandom(32)
ROW = "provider-config:1:2:3:scb"


@pytest.fixture(autouse=True)
def keks(settings):
    settings.MPAC_KEKS = {"k1": OLD}
    return settings


@given(st.binary(max_size=2000), st.text(max_size=100))
def test_what_was_sealed_opens(plaintext, aad):
    assert open_sealed(seal(plaintext, aad=aad), aad=aad) == plaintext


def test_the_text_names_its_version_and_key_and_hides_the_rest():
    token = seal(b"sk_live_verysecret", aad=ROW)
    assert token.startswith("v1.k1.")
    assert key_id_of(token) == "k1"
    assert "verysecret" not in token


def test_the_same_secret_never_looks_the_same():
    assert len({seal(b"x", aad=ROW) for _ in range(100)}) == 100


def test_every_text_has_its_own_data_key_of_256_bits_and_two_nonces_of_96():
    texts = [
        [urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in seal(b"12345", aad=ROW).split(".")[2:]]
        for _ in range(50)
    ]
    assert {(len(wrapped), len(body)) for wrapped, body in texts} == {(12 + 32 + 16, 12 + 5 + 16)}
    nonces = [part[:12] for each in texts for part in each]
    keys = [AESGCM(OLD).decrypt(wrapped[:12], wrapped[12:], f"v1.k1.{ROW}".encode()) for wrapped, _ in texts]
    assert (len(set(nonces)), len(set(keys))) == (100, 50)


def test_another_place_cannot_open_it():
    token = seal(b"x", aad=ROW)
    with pytest.raises(CryptoError):
        open_sealed(token, aad="provider-config:1:2:4:scb")


def test_no_part_of_one_secret_fits_another():
    one, two = seal(b"one", aad=ROW).split("."), seal(b"two", aad=ROW).split(".")
    with pytest.raises(CryptoError):
        open_sealed(".".join([*one[:3], two[3]]), aad=ROW)


@pytest.mark.parametrize("part", [2, 3])
def test_a_changed_character_is_noticed(part):
    parts = seal(b"secret", aad=ROW).split(".")
    for index in range(len(parts[part]) - 1):  # the last one may only hold padding bits
        old = parts[part][index]
        changed = parts.copy()
        changed[part] = parts[part][:index] + ("A" if old != "A" else "B") + parts[part][index + 1 :]
        with pytest.raises(CryptoError):
            open_sealed(".".join(changed), aad=ROW)


@pytest.mark.parametrize(
    "token", ["", "v1", "v1.k1.a", "v2.k1.a.b", "v1.k1..", "v1.k1.a.b.c", "v1.k1.é.é", "v1.k1.AAAA.AAAA"]
)
def test_what_is_not_a_sealed_text_is_refused(token):
    with pytest.raises(CryptoError):
        open_sealed(token, aad=ROW)


def test_a_key_that_is_gone_is_said_so_without_quoting_anything(keks):
    token = seal(b"secret", aad=ROW)
    keks.MPAC_KEKS = {"k2": NEW}
    with pytest.raises(CryptoError) as refused:
        open_sealed(token, aad=ROW)
    assert str(refused.value) == "the key-encryption key is not in MPAC_KEKS"


def test_an_id_of_a_key_with_other_bytes_does_not_open(keks):
    token = seal(b"secret", aad=ROW)
    keks.MPAC_KEKS = {"k1": NEW}
    with pytest.raises(CryptoError):
        open_sealed(token, aad=ROW)


def test_rotation_rewraps_the_data_key_and_leaves_the_body(keks):
    token = seal(b"secret", aad=ROW)
    keks.MPAC_KEKS = {"k2": NEW, "k1": OLD}
    moved = rewrap(token, aad=ROW)
    assert key_id_of(moved) == "k2"
    assert moved.split(".")[3] == token.split(".")[3]
    assert open_sealed(token, aad=ROW) == open_sealed(moved, aad=ROW) == b"secret"
    assert rewrap(moved, aad=ROW) == moved
    keks.MPAC_KEKS = {"k2": NEW}
    assert open_sealed(moved, aad=ROW) == b"secret"


def test_rotation_checks_the_place(keks):
    token = seal(b"secret", aad=ROW)
    keks.MPAC_KEKS = {"k2": NEW, "k1": OLD}
    with pytest.raises(CryptoError):
        rewrap(token, aad="elsewhere")


@pytest.mark.parametrize("keys", [{}, {"a.b": OLD}, {"": OLD}])
def test_without_a_usable_key_nothing_is_sealed(keks, keys):
    keks.MPAC_KEKS = keys
    with pytest.raises(CryptoError):
        seal(b"secret", aad=ROW)
