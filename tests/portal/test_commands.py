"""Commands for the people who run the platform: its first operator, providers and their keys, sealed secrets."""

import datetime as dt
import io
import os

import pyotp
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from kernel import clock, crypto
from kernel.errors import Unauthenticated
from kernel.rewrapping import BATCH, SCOPE, sealed_models
from kernel.schema import rules_of
from kernel.tenancy import SystemScope
from mpac.portal.db import atomic
from mpac.portal.models import Authenticator, Membership, User
from mpac.portal.services import signing_keys
from mpac.portal.services.api_keys import authenticate_api_key
from mpac.portal.services.provider_configs import create_provider_config
from tests.portal.factories import SEED, make_tenant

SCOPES = SystemScope("administration")


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def words(text: str) -> dict[str, str]:
    return dict(line.rsplit(maxsplit=1) for line in text.splitlines()[:3])


def test_an_operator_can_sign_in_with_what_was_printed(database):
    printed = words(run("create_operator", "ops@example.com", "--name", "Olga"))
    with atomic(SCOPES):
        user = User.objects.get(email="ops@example.com")
        assert user.check_password(printed["password"])
        assert Membership.objects.get(user=user).role == "platform_operator"
        authenticator = Authenticator.objects.get(user=user)
        assert authenticator.use_code(pyotp.TOTP(printed["second factor"]).now(), now=clock.now())


def test_a_person_is_made_once_and_reset_when_asked(database):
    first = words(run("create_operator", "ops@example.com"))
    with pytest.raises(CommandError):
        run("create_operator", "ops@example.com")
    again = words(run("create_operator", "ops@example.com", "--reset"))
    assert {first["password"], first["second factor"]}.isdisjoint(again.values())
    with atomic(SCOPES):
        assert User.objects.get().check_password(again["password"])
        assert Authenticator.objects.count() == 1


def test_nobody_is_reset_who_is_not_there(database):
    with pytest.raises(CommandError):
        run("create_operator", "nobody@example.com", "--reset")


def test_a_provider_is_signed_up_and_its_key_lives_until_it_is_withdrawn(database):
    place = ("--country", "TH", "--currency", "THB", "--time-zone", "Asia/Bangkok")
    psp_id = run("create_psp", "GREEN", "Green Pay", *place).split()[1]
    key_id, secret = run("issue_api_key", psp_id, "--mode", "test", "--scope", "payments:read").split()[:2]
    principal = authenticate_api_key(secret, now=clock.now())
    assert (principal.psp_id, principal.livemode, principal.scopes) == (int(psp_id), False, {"payments:read"})
    run("revoke_api_key", key_id)
    with pytest.raises(Unauthenticated):
        authenticate_api_key(secret, now=clock.now() + dt.timedelta(seconds=3))


@pytest.mark.parametrize(
    "command",
    [
        ("create_psp", "", "", "--country", "TH", "--currency", "THB", "--time-zone", "Asia/Bangkok"),
        ("create_psp", "X", "X", "--country", "TH", "--currency", "THB", "--time-zone", "Mars/Olympus"),
        ("issue_api_key", "4711", "--mode", "live"),
        ("revoke_api_key", "key_unheard_of"),
    ],
)
def test_what_cannot_be_is_refused_in_words(database, command):
    with pytest.raises(CommandError) as refused:
        run(*command)
    assert str(refused.value)


@pytest.fixture
def keys(settings):
    """An old key-encryption key, and a new one that comes before it."""
    old, new = {"old": os.urandom(32)}, {"new": os.urandom(32)}
    settings.MPAC_KEKS = old
    return lambda: setattr(settings, "MPAC_KEKS", new | old), lambda: setattr(settings, "MPAC_KEKS", new)


def sealed(name: str) -> list[str]:
    [model] = [model for model in sealed_models() if model.__name__ == name]
    with atomic(SCOPE):
        return [getattr(row, *rules_of(model).sealed) for row in model._default_manager.all()]


def test_every_secret_moves_to_the_new_key_and_still_opens(database, keys):
    rotate, drop_the_old = keys
    store = make_tenant().store
    create_provider_config(
        scope=SEED,
        store_id=store.id,
        provider="scb",
        account={"biller_id": "010556000000001"},
        credentials={"api_key": "k", "api_secret": "s"},
        now=clock.now(),
    )
    signing_keys.ensure_signing_key(now=clock.now())
    printed = words(run("create_operator", "ops@example.com"))
    rotate()
    assert "provider_configs: 1 seen, 1 rewrapped" in run("rewrap_secrets")
    assert "provider_configs: 1 seen, 0 rewrapped" in run("rewrap_secrets")
    drop_the_old()
    for name in ("ProviderConfig", "SigningKey", "Authenticator"):
        assert [crypto.key_id_of(text) for text in sealed(name)] == ["new"]
    with atomic(SCOPES):
        assert Authenticator.objects.get().base32_secret() == printed["second factor"]


def test_more_than_one_batch_moves(database, keys):
    rotate, _ = keys
    store = make_tenant().store
    for number in range(BATCH + 1):
        create_provider_config(
            scope=SEED,
            store_id=store.id,
            provider=f"p{number}",
            account={},
            credentials={"k": "v"},
            now=clock.now(),
        )
    rotate()
    assert f"provider_configs: {BATCH + 1} seen, {BATCH + 1} rewrapped" in run("rewrap_secrets")


def test_a_missing_key_is_named_and_changes_nothing(database, keys, settings):
    signing_keys.ensure_signing_key(now=clock.now())
    before = sealed("SigningKey")
    settings.MPAC_KEKS = {"other": os.urandom(32)}
    with pytest.raises(CommandError, match="MPAC_KEKS"):
        run("rewrap_secrets")
    assert sealed("SigningKey") == before


def test_every_sealed_column_is_declared():
    """A column that is called sealed or encrypted must be found by the rotation."""
    from_names = {
        (model.__name__, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.name.endswith(("_sealed", "_encrypted"))
    }
    assert from_names == {
        (model.__name__, column) for model in sealed_models() for column in rules_of(model).sealed
    }
