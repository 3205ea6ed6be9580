"""Figures are measured in the databases, whoever is alive to do the work."""

import datetime as dt

import pytest
from django.conf import settings
from django.db import OperationalError
from django.utils.module_loading import import_string
from prometheus_client.parser import text_string_to_metric_families

from kernel import clock, observations, relay
from kernel.db import ContextDb
from kernel.outbox import publish
from kernel.upkeep import ensure_partitions
from mpac.portal.events import StoreChanged

CONTEXTS = set(settings.MPAC_CONTEXTS)
DB = ContextDb("portal", alias="default")
STORE = {"aggregate_id": "merchant:1", "psp_id": 1, "merchant_id": 1, "store_id": 1}


@pytest.fixture
def everything(database):
    return import_string(settings.MPAC_OBSERVATIONS)()


def measured(asked, *, now):
    families = text_string_to_metric_families(observations.render(asked, now=now).decode())
    return {family.name: {s.labels["context"]: s.value for s in family.samples} for family in families}


def test_every_context_is_measured(everything):
    figures = measured(everything, now=clock.now())
    for name in ("mpac_outbox_lag_seconds", "mpac_outbox_pending_events", "mpac_outbox_parked_events"):
        assert figures[name].keys() == CONTEXTS
    assert figures["mpac_database_up"] == dict.fromkeys(CONTEXTS, 1)
    assert figures["mpac_partitions_ahead"] == dict.fromkeys(CONTEXTS, 3)


def test_an_event_that_waits_is_seen(everything):
    with DB.atomic(relay.SCOPE):
        publish(DB, StoreChanged(**STORE, version_number=1, status="active"), now=clock.now())
    figures = measured(everything, now=clock.now() + dt.timedelta(seconds=90))
    assert figures["mpac_outbox_lag_seconds"]["portal"] == pytest.approx(90, abs=5)
    assert figures["mpac_outbox_pending_events"]["portal"] == 1
    assert figures["mpac_outbox_lag_seconds"]["sync"] == 0


def test_a_missing_partition_is_seen(everything, superuser):
    now = clock.now()
    last = max(
        row[0]
        for row in superuser.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'sync.outbox'::regclass"
        )
        if not row[0].endswith("_default")
    )
    superuser.execute(f"ALTER TABLE sync.outbox DETACH PARTITION {last}")
    try:
        assert measured(everything, now=now)["mpac_partitions_ahead"]["sync"] == 2
    finally:
        superuser.execute(f"DROP TABLE {last}")
        assert ensure_partitions("sync", "sync", now=now) == 1


def test_a_context_whose_database_is_away_shows_only_that(everything, monkeypatch):
    away = next(each.db for each in everything if each.db.name == "sync")

    def refuse(scope):
        raise OperationalError("connection refused")

    monkeypatch.setattr(away, "atomic", refuse)
    figures = measured(everything, now=clock.now())
    assert figures["mpac_database_up"]["sync"] == 0
    assert figures["mpac_outbox_lag_seconds"].keys() == CONTEXTS - {"sync"}
