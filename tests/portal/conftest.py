"""Fixtures of portal's tests: an empty database with one tenant in it, and caches that remember nothing."""

import pytest

from mpac.portal.services.api_keys import api_key_reader
from mpac.portal.services.tokens import client_keys
from mpac.portal.services.trust import trust_reader
from mpac.portal.services.verification import token_verifier
from tests.portal.factories import Tenant, Terminal, make_api_key, make_tenant, make_terminal


@pytest.fixture(autouse=True)
def forgetful():
    """Every test is a process that has just started."""
    api_key_reader.forget()
    client_keys.forget()
    token_verifier.forget()
    trust_reader.forget()


@pytest.fixture
def tenant(database) -> Tenant:
    return make_tenant()


@pytest.fixture
def terminal(tenant) -> Terminal:
    return make_terminal(tenant.store)


@pytest.fixture
def partner(api, tenant):
    """An HTTP client that carries the tenant's test key."""
    api.defaults["HTTP_AUTHORIZATION"] = f"Bearer {make_api_key(tenant.psp)}"
    return api
