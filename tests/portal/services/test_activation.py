"""An activation..."""

import pytest
from joserfc.jwk import ECKey, RSAKey

from kernel import clock
from mpac.portal import conf
from mpac.portal.domain import activation
from mpac.portal.errors import ActivationRefused, InvalidProof, InvalidPublicKey
from mpac.portal.models import Device
from mpac.portal.services import devices
from mpac.portal.services.activation import activate_device
from tests.portal.factories import (
    SEED,
    get_device,
    make_proof,
    make_tenant,
    published,
    register,
    seconds,
    sign,
)


@pytest.fixture
def key():
    return ECKey.generate_key("P-256", private=True)


@pytest.fixture
def registered(tenant):
    return register(tenant.store, serial_number="SN-1")


def activate(key, code, *, serial_number="SN-1", proof=None, jwk=None, now=None):
    return activate_device(
        activation_code=code,
        public_jwk=jwk or key.as_dict(private=False),
        proof=proof or make_proof(serial_number, key),
        now=now or clock.now(),
    )


def test_binds_the_terminals_key(registered, key):
    done = activate(key, registered.activation_code)

    device = get_device(registered.device.id)
    assert done.device_id == device.id
    assert done.key_id == device.key_id == key.thumbprint()
    assert (device.status, device.activated_at) == ("active", done.activated_at)
    assert device.public_jwk == {
        **key.as_dict(private=False),
        "kid": key.thumbprint(),
        "use": "sig",
        "alg": "ES256",
    }
    (event,) = published("portal.device_activated")
    assert event["device_id"] == device.public_id
    assert event["key_id"] == key.thumbprint()


def test_keeps_no_code_that_could_be_read(registered):
    device = get_device(registered.device.id)
    assert activation.normalize(registered.activation_code) not in repr(vars(device))
    assert len(device.activation_code_hash) == 64


def test_takes_the_code_as_people_type_it(registered, key):
    assert activate(key, registered.activation_code.lower().replace("-", " "))


def test_keeps_the_name_that_a_key_brings(registered, key):
    activate(key, registered.activation_code, jwk={**key.as_dict(private=False), "kid": "till-1"})
    assert get_device(registered.device.id).public_jwk["kid"] == "till-1"


def test_whose_answer_was_lost_may_be_repeated_with_the_same_key(registered, key):
    first = activate(key, registered.activation_code)
    assert activate(key, registered.activation_code) == first
    assert len(published("portal.device_activated")) == 1


def test_with_a_used_code_and_another_key_is_refused(registered, key):
    activate(key, registered.activation_code)
    with pytest.raises(ActivationRefused):
        activate(ECKey.generate_key("P-256", private=True), registered.activation_code)
    assert get_device(registered.device.id).key_id == key.thumbprint()


def test_with_a_wrong_code_is_refused_and_changes_nothing(registered, key):
    with pytest.raises(ActivationRefused):
        activate(key, "AAAA-AAAA-AAAA")
    device = get_device(registered.device.id)
    assert (device.status, device.key_id, device.activation_attempts) == ("registered", "", 1)


def test_with_an_expired_code_is_refused(registered, key):
    expires_at = registered.device.activation_expires_at
    with pytest.raises(ActivationRefused):
        activate(key, registered.activation_code, now=expires_at, proof=late_proof(key, expires_at))
    just_before = expires_at - seconds(0.001)
    assert activate(key, registered.activation_code, now=just_before, proof=late_proof(key, just_before))


def late_proof(key, at):
    return make_proof("SN-1", key, exp=int(at.timestamp()) + 60)


def test_lives_fifteen_minutes_unless_configured(registered, tenant, settings):
    assert registered.device.activation_expires_at - registered.device.updated_at == seconds(900)
    settings.MPAC_ACTIVATION_CODE_TTL_S = 60
    shorter = register(tenant.store).device
    assert shorter.activation_expires_at - shorter.updated_at == seconds(60)


def test_is_blocked_after_five_wrong_codes_even_with_the_right_one(registered, key):
    for _ in range(conf.ACTIVATION_MAX_ATTEMPTS):
        with pytest.raises(ActivationRefused):
            activate(key, "AAAA-AAAA-AAAA")
    with pytest.raises(ActivationRefused):
        activate(key, registered.activation_code)
    assert get_device(registered.device.id).status == "registered"


def test_is_possible_again_with_a_new_code(registered, key):
    for _ in range(conf.ACTIVATION_MAX_ATTEMPTS):
        with pytest.raises(ActivationRefused):
            activate(key, "AAAA-AAAA-AAAA")
    again = devices.reissue_activation_code(scope=SEED, device_id=registered.device.id, now=clock.now())
    with pytest.raises(ActivationRefused):
        activate(key, registered.activation_code)
    assert activate(key, again.activation_code)


def test_with_the_code_of_another_terminal_counts_against_both(tenant, registered, key):
    other = register(tenant.store, serial_number="SN-2")
    with pytest.raises(ActivationRefused):
        activate(key, other.activation_code, serial_number="SN-1")
    assert get_device(registered.device.id).activation_attempts == 1
    assert get_device(other.device.id).activation_attempts == 1


def test_finds_its_terminal_among_providers_with_the_same_serial_number(registered, key):
    elsewhere = register(make_tenant().store, serial_number="SN-1")
    assert activate(key, elsewhere.activation_code).device_id == elsewhere.device.id
    assert get_device(registered.device.id).status == "registered"


def test_of_a_revoked_terminal_is_refused(registered, key):
    devices.revoke_device(scope=SEED, device_id=registered.device.id, actor="test", now=clock.now())
    with pytest.raises(ActivationRefused):
        activate(key, registered.activation_code)


def test_with_a_proof_by_another_key_is_refused(registered, key):
    other = ECKey.generate_key("P-256", private=True)
    with pytest.raises(InvalidProof, match="signature"):
        activate(key, registered.activation_code, proof=make_proof("SN-1", other))
    assert get_device(registered.device.id).activation_attempts == 0


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "SN-2"}, "iss and sub"),
        ({"aud": "https://elsewhere.example"}, "aud"),
        ({"aud": ["http://127.0.0.1:8000"]}, "aud"),
        ({"exp": 1}, "exp"),
        ({"exp": 4_000_000_000}, "exp"),
        ({"exp": None}, "exp"),
        ({"jti": None}, "jti"),
    ],
)
def test_with_a_wrong_proof_is_refused(registered, key, claims, reason):
    with pytest.raises(InvalidProof, match=reason):
        activate(key, registered.activation_code, proof=make_proof("SN-1", key, **claims))


def test_with_a_proof_that_lives_longer_than_five_minutes_is_refused(registered, key):
    now = clock.now()
    with pytest.raises(InvalidProof, match="300 s"):
        activate(
            key,
            registered.activation_code,
            proof=make_proof("SN-1", key, exp=int(now.timestamp()) + 310),
            now=now,
        )


def test_with_a_proof_that_names_another_key_is_refused(registered, key):
    now_s = int(clock.now().timestamp())
    claims = {"iss": "SN-1", "sub": "SN-1", "aud": conf.issuer(), "exp": now_s + 60, "jti": "1"}
    with pytest.raises(InvalidProof, match="another key"):
        activate(key, registered.activation_code, proof=sign(claims, key, {"kid": "another"}))


def bad_keys():
    good = ECKey.generate_key("P-256", private=True)
    public = good.as_dict(private=False)
    return {
        "private": good.as_dict(private=True),
        "other curve": ECKey.generate_key("P-384", private=True).as_dict(private=False),
        "rsa": RSAKey.generate_key(2048).as_dict(private=False),
        "empty": {},
        "off the curve": {**public, "y": public["x"]},
        "short": {**public, "x": public["x"][:-1]},
        "not text": {**public, "x": 5},
        "strange kid": {**public, "kid": ["x"]},
        "long kid": {**public, "kid": "x" * 129},
    }


@pytest.mark.parametrize("fault", bad_keys())
def test_with_an_unusable_key_is_refused(registered, key, fault):
    with pytest.raises(InvalidPublicKey) as refused:
        activate_device(
            activation_code=registered.activation_code,
            public_jwk=bad_keys()[fault] or {"kty": None},
            proof=make_proof("SN-1", key),
            now=clock.now(),
        )
    assert refused.value.errors[0].field.startswith("public_jwk.")


def test_code_is_unambiguous_and_long_enough():
    codes = {activation.new_code() for _ in range(200)}
    assert len(codes) == 200
    for code in codes:
        assert len(activation.normalize(code)) == 12
        assert not set(activation.normalize(code)) & set("0O1IL2Z5S8B")
        assert code.count("-") == 2
    assert Device._meta.get_field("activation_code_hash").get_internal_type() == "TextField"
