"""A secret is sealed for its own row: no two rows have one place, and no two tables."""

import pytest

from kernel import ids
from kernel.rewrapping import sealed_models
from mpac.pgw.models import PaymentAttempt, StoreProviderConfig, WebhookEndpoint
from mpac.portal.models import Authenticator, Mail, ProviderConfig, SettingValue, SigningKey

# What tells rows with secrets apart; each of it counts. A person's authenticators share a place: they are the same person's.
TOLD_APART_BY = {
    Authenticator: {"user_id": (1, 2)},
    Mail: {"id": (ids.uuid7(), ids.uuid7())},
    PaymentAttempt: {
        "psp_id": (1, 2),
        "merchant_id": (1, 2),
        "id": (ids.uuid7(), ids.uuid7()),
        "provider": ("scb", "omise"),
    },
    ProviderConfig: {
        "psp_id": (1, 2),
        "merchant_id": (1, 2),
        "store_id": (1, 2),
        "provider": ("scb", "omise"),
    },
    SettingValue: {
        "place": ("store:1", "store:2"),
        "name": ("network.wifi_password", "devices.unlock_code"),
    },
    SigningKey: {"kid": ("a", "b")},
    StoreProviderConfig: {
        "psp_id": (1, 2),
        "merchant_id": (1, 2),
        "store_id": (1, 2),
        "provider_name": ("scb", "omise"),
    },
    WebhookEndpoint: {"psp_id": (1, 2), "id": (ids.uuid7(), ids.uuid7())},
}
# Portal's accounts and the gateway's copies of them: the gateway opens what portal sealed.
COPIES = {StoreProviderConfig: ProviderConfig}


def place_of(model, **changes):
    return model(**{name: first for name, (first, _) in TOLD_APART_BY[model].items()} | changes).sealed_for()


def test_every_table_with_secrets_is_entered():
    assert set(TOLD_APART_BY) == set(sealed_models())


@pytest.mark.parametrize("model", TOLD_APART_BY, ids=lambda model: model.__name__)
def test_another_row_is_another_place(model):
    for name, (_, other) in TOLD_APART_BY[model].items():
        assert place_of(model, **{name: other}) != place_of(model), name


def test_another_table_is_another_place():
    heads = {model: place_of(model).split(":")[0] for model in TOLD_APART_BY if model not in COPIES}
    assert len(set(heads.values())) == len(heads)
    for copy, source in COPIES.items():
        assert place_of(copy) == place_of(source)
