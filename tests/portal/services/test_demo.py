"""The demonstration tenant..."""

import io
import json
import stat

import pyotp
import pytest
from django.core.management import CommandError, call_command
from joserfc import jwt
from joserfc.jwk import ECKey

from kernel import clock, crypto, ids
from mpac.portal.api import authenticate_token, get_merchant_snapshot
from mpac.portal.db import atomic
from mpac.portal.models import Authenticator, Device, User
from mpac.portal.services import devices
from mpac.portal.services.api_keys import authenticate_api_key
from mpac.portal.services.tokens import exchange_assertion
from tests.portal.factories import SEED


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "demo.json"


def seed(path):
    call_command("seed_demo", "--output", str(path), stdout=io.StringIO())
    return json.loads(path.read_text())


def test_is_written_as_the_contract_says(database, path, settings):
    demo = seed(path)
    key_id, secrets = next(iter(settings.MPAC_SERVICE_KEYS.items()))
    assert demo.keys() == {
        "base_url",
        "ws_url",
        "simulator_url",
        "issuer",
        "admin",
        "psp",
        "merchant_id",
        "store_id",
        "device",
        "providers",
        "sync",
    }
    assert demo["admin"].keys() == {"email", "password", "totp_secret"}
    assert demo["psp"].keys() == {"id", "api_key"}
    assert demo["device"].keys() == {"device_id", "client_id", "private_jwk"}
    assert demo["sync"] == {"key_id": key_id, "secret": secrets[0]}
    assert (demo["issuer"], demo["base_url"]) == (settings.MPAC_ISSUER, settings.MPAC_PUBLIC_URL)


def test_is_for_its_owners_eyes_only(database, path):
    seed(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["demo.json"]


def test_works(database, path):
    demo, now = seed(path), clock.now()
    device = demo["device"]
    key = ECKey.import_key(device["private_jwk"])
    now_s = int(now.timestamp())
    claims = {
        "iss": device["client_id"],
        "sub": device["client_id"],
        "aud": demo["issuer"],
        "iat": now_s,
        "exp": now_s + 60,
        "jti": "1",
    }
    assertion = jwt.encode({"alg": "ES256", "kid": device["private_jwk"]["kid"]}, claims, key)
    token = exchange_assertion(assertion=assertion, scope=None, now=now).access_token
    principal = authenticate_token(token, now=now)
    assert (principal.psp_id, principal.merchant_id) == (demo["psp"]["id"], demo["merchant_id"])
    assert principal.store_ids == (demo["store_id"],)
    assert authenticate_api_key(demo["psp"]["api_key"], now=now).psp_id == demo["psp"]["id"]


def test_has_an_operator_who_can_sign_in(database, path):
    admin = seed(path)["admin"]
    with atomic(SEED):
        user = User.objects.get(email=admin["email"])
        (authenticator,) = Authenticator.objects.filter(user=user)
    assert user.check_password(admin["password"])
    assert user.is_staff
    assert user.is_platform_operator
    assert authenticator.use_code(pyotp.TOTP(admin["totp_secret"]).now(), now=clock.now())


def test_has_an_account_with_the_simulated_bank(database, path):
    demo = seed(path)
    snapshot = get_merchant_snapshot(psp_id=demo["psp"]["id"], merchant_id=demo["merchant_id"])
    (store,) = (store for store in snapshot.stores if store.store_id == demo["store_id"])
    (config,) = store.provider_configs
    assert (config.provider_name, config.enabled, len(config.account["biller_id"])) == ("scb", True, 15)
    place = f"provider-config:{snapshot.psp_id}:{snapshot.merchant_id}:{store.store_id}:scb"
    credentials = json.loads(crypto.open_sealed(config.api_key_encrypted, aad=place))
    assert credentials.keys() == {"api_key", "api_secret"}
    assert all(credentials.values())


def test_has_a_store_with_an_account_at_every_provider(database, path):
    demo = seed(path)
    snapshot = get_merchant_snapshot(psp_id=demo["psp"]["id"], merchant_id=demo["merchant_id"])
    (store,) = (store for store in snapshot.stores if store.store_id == demo["providers"]["store_id"])
    opened = {
        config.provider_name: json.loads(
            crypto.open_sealed(
                config.api_key_encrypted,
                aad=f"provider-config:{snapshot.psp_id}:{snapshot.merchant_id}:{store.store_id}:"
                f"{config.provider_name}",
            )
        )
        for config in store.provider_configs
    }
    assert opened == demo["providers"]["credentials"]
    assert opened.keys() == {"adyen", "kbank", "manual", "omise", "paypal", "paypay", "scb", "stripe"}


def test_keeps_what_it_has_when_it_is_made_again(database, path):
    first = seed(path)
    assert seed(path) == first
    with atomic(SEED):
        assert (Device.objects.count(), User.objects.count()) == (1, 1)


def test_is_completed_when_the_file_was_lost(database, path):
    first = seed(path)
    path.unlink()
    second = seed(path)
    assert (second["psp"]["id"], second["store_id"]) == (first["psp"]["id"], first["store_id"])
    assert second["device"]["device_id"] != first["device"]["device_id"]
    with atomic(SEED):
        user = User.objects.get()
        assert Device.objects.exclude(status="revoked").count() == 1
        assert Authenticator.objects.count() == 1
    assert user.check_password(second["admin"]["password"])


def test_gets_a_new_terminal_when_the_old_one_is_gone(database, path):
    first = seed(path)
    device_id = ids.decode("dev", first["device"]["device_id"])
    devices.revoke_device(scope=SEED, device_id=device_id, actor="test", now=clock.now())
    second = seed(path)
    assert second["device"]["device_id"] != first["device"]["device_id"]
    assert second["psp"] == first["psp"]


def test_survives_a_damaged_file(database, path):
    path.parent.mkdir()
    path.write_text("not json")
    assert seed(path)["store_id"]


def test_are_refused_in_production(database, settings, tmp_path):
    settings.MPAC_ENV = "production"
    with pytest.raises(CommandError, match="production"):
        call_command("seed_demo", "--output", str(tmp_path / "demo.json"))
    assert list(tmp_path.iterdir()) == []
