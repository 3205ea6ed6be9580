"""A partner's server and a terminal that speak HTTP, on a store whose provider is the fake one."""

import datetime as dt
import itertools

import msgspec
import pytest

from kernel.tenancy import TenantScope
from mpac.pgw.services.mirroring import apply_merchant_snapshot
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.services.api_keys import api_key_reader
from mpac.portal.services.trust import trust_reader
from mpac.portal.services.verification import token_verifier
from tests.pgw.conftest import snapshot
from tests.pgw.doubles import registered
from tests.portal.factories import Tenant, make_api_key, make_tenant

_keys = itertools.count(1)


class Caller:
    """Somebody with a credential."""

    def __init__(self, http, credential: str, tenant: Tenant) -> None:
        self.http, self.credential, self.tenant = http, credential, tenant

    @property
    def scope(self) -> TenantScope:
        return TenantScope(self.tenant.psp.id, self.tenant.merchant.id)

    def call(self, method, path, body=None, *, key=None, **headers):
        if method == "POST" and key is not False:
            headers["Idempotency-Key"] = key or f"k{next(_keys)}"
        return self.http.generic(
            method,
            f"/v1{path}",
            msgspec.json.encode(body) if body is not None else b"",
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.credential}", **headers},
        )

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None, **more):
        return self.call("POST", path, {} if body is None else body, **more)

    def wish(self, **changes):
        return {
            "amount": 12550,
            "currency": "THB",
            "merchant_id": self.tenant.merchant.id,
            "store_id": self.tenant.store.id,
            "method": "qr_code",
            **changes,
        }

    def created(self, **changes):
        answer = self.post("/payment-intents", self.wish(**changes))
        assert answer.status_code == 201, answer.content
        return answer.json()


def mirror(tenant: Tenant, now) -> None:
    where = {"psp_id": tenant.psp.id, "merchant_id": tenant.merchant.id, "store_id": tenant.store.id}
    apply_merchant_snapshot(snapshot(**where), now=now)


@pytest.fixture
def provider(database):
    with registered() as adapter:
        yield adapter


@pytest.fixture(autouse=True)
def forgetful():
    for cache in (api_key_reader, token_verifier, trust_reader):
        cache.forget()


@pytest.fixture
def partner(api, provider, now, superuser) -> Caller:
    tenant = make_tenant()
    mirror(tenant, now)
    superuser.execute("UPDATE portal.psps SET rate_limit_per_minute = 1000000")
    return Caller(api, make_api_key(tenant.psp), tenant)


@pytest.fixture
def live_partner(api, partner) -> Caller:
    return Caller(api, make_api_key(partner.tenant.psp, mode=ApiKeyMode.LIVE), partner.tenant)


@pytest.fixture
def stranger(api, partner, now) -> Caller:
    tenant = make_tenant()
    mirror(tenant, now)
    return Caller(api, make_api_key(tenant.psp), tenant)


@pytest.fixture
def later(now):
    return lambda seconds: now + dt.timedelta(seconds=seconds)
