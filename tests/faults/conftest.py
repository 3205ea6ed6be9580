"""A faulty wire between the platform and its database: the aliases' connections of a test go through a proxy."""

import uuid
from urllib.parse import urlsplit

import pytest
from django.db import connections

from kernel import clock, ids
from kernel.redis_client import redis_client
from mpac.portal.services.api_keys import api_key_reader
from mpac.portal.services.trust import trust_reader
from mpac.portal.services.verification import token_verifier
from mpac.smarttab.selectors import stores
from tests.faults.proxy import between
from tests.pgw.rest.conftest import Caller, mirror
from tests.portal.factories import make_api_key, make_tenant
from tests.smarttab.conftest import Till, open_shop


@pytest.fixture
def faulty(database, tmp_path_factory):
    """The proxy in front of PostgreSQL; connections opened during the test go through it."""
    place = connections["default"].settings_dict
    host, port = place["HOST"], str(place["PORT"] or 5432)
    upstream = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, int(port))
    connections.close_all()
    with between(upstream) as proxy:
        _lead_to("127.0.0.1", proxy.port)
        yield proxy
        connections.close_all()
    _lead_to(host, port)


def _lead_to(host, port) -> None:
    for alias in connections:
        connections[alias].settings_dict |= {"HOST": host, "PORT": str(port)}


@pytest.fixture
def till(api, faulty) -> Till:
    for cache in (trust_reader, token_verifier):
        cache.forget()
    stores.forget_calendars()
    return Till(api, open_shop(f"W{uuid.uuid4().hex[:8]}".upper(), time_zone="Asia/Bangkok"), ids.uuid7())


@pytest.fixture
def partner(api, faulty, superuser) -> Caller:
    for cache in (api_key_reader, token_verifier, trust_reader):
        cache.forget()
    tenant = make_tenant()
    mirror(tenant, clock.now())
    superuser.execute("UPDATE portal.psps SET rate_limit_per_minute = 1000000")
    return Caller(api, make_api_key(tenant.psp), tenant)


@pytest.fixture
def faulty_redis(settings):
    """The proxy in front of Redis, for every Redis connection of the test."""
    url = urlsplit(settings.REDIS_URL)
    upstream = url.path if url.scheme == "unix" else (url.hostname, url.port)
    with between(upstream) as proxy:
        password = f":{url.password}@" if url.password else ""
        settings.REDIS_URL = f"redis://{password}127.0.0.1:{proxy.port}/0"
        redis_client.cache_clear()
        yield proxy
    redis_client.cache_clear()
