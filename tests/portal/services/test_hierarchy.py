"""The hierarchy..."""

import itertools

import pytest
from django.db import IntegrityError

from kernel import clock
from kernel.errors import Invalid, NotFound
from kernel.tenancy import TenantScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.hierarchy import TRANSITIONS, DirectoryStatus
from mpac.portal.dto import ProfileChanges
from mpac.portal.errors import CodeTaken, IllegalTransition, ParentNotActive
from mpac.portal.models import Merchant, Psp, Store
from mpac.portal.services import hierarchy
from tests.portal.factories import (
    SEED,
    make_merchant,
    make_profile,
    make_psp,
    make_store,
    make_tenant,
    published,
)

LEVELS = ["psp", "merchant", "store"]
MODELS = {"psp": Psp, "merchant": Merchant, "store": Store}


def update(tenant, level, **changes):
    function = getattr(hierarchy, f"update_{level}")
    key = {f"{level}_id": getattr(tenant, level).id}
    return function(scope=SEED, **key, changes=ProfileChanges(**changes), now=clock.now())


def test_tells_what_was_created_in_one_order_per_merchant(tenant):
    assert [(event["type"], event["aggregate_id"], event["version_number"]) for event in published()] == [
        ("portal.psp_changed", f"psp:{tenant.psp.id}", 1),
        ("portal.merchant_changed", f"merchant:{tenant.merchant.id}", 1),
        ("portal.store_changed", f"merchant:{tenant.merchant.id}", 1),
    ]


@pytest.mark.parametrize("level", LEVELS)
def test_counts_a_version_for_every_change_and_tells_it(tenant, level):
    before = len(published())
    changed = update(tenant, level, name="Another", time_zone="Asia/Tokyo")
    assert (changed.name, changed.time_zone, changed.version) == ("Another", "Asia/Tokyo", 2)
    assert [event["version_number"] for event in published()[before:]] == [2]
    assert update(tenant, level, name="Third").version == 3


@pytest.mark.parametrize("level", LEVELS)
def test_neither_counts_nor_tells_a_change_that_changes_nothing(tenant, level):
    before = published()
    assert update(tenant, level).version == 1
    assert update(tenant, level, name=getattr(tenant, level).name, status="active").version == 1
    assert published() == before


@pytest.mark.parametrize(
    ("level", "source", "target"), list(itertools.product(LEVELS, DirectoryStatus, DirectoryStatus))
)
def test_takes_every_legal_step_and_no_other(tenant, level, source, target):
    if source is not DirectoryStatus.ACTIVE:
        update(tenant, level, status=source.value)
    if target is source:
        return
    entry_id = getattr(tenant, level).id
    raw = f"UPDATE {MODELS[level]._meta.db_table} SET status = %s WHERE id = %s"
    if target in TRANSITIONS[source]:
        assert update(tenant, level, status=target.value).status == target
    else:
        with pytest.raises(IllegalTransition):
            update(tenant, level, status=target.value)
        with pytest.raises(IntegrityError), atomic(SEED):
            db.execute(raw, [target.value, entry_id])


def test_has_codes_that_are_unique_in_their_parent(tenant):
    with pytest.raises(CodeTaken):
        make_psp(code=tenant.psp.code)
    with pytest.raises(CodeTaken):
        make_merchant(tenant.psp, code=tenant.merchant.code)
    with pytest.raises(CodeTaken):
        make_store(tenant.merchant, code=tenant.store.code)
    other = make_psp()
    assert make_store(make_merchant(other, code=tenant.merchant.code), code=tenant.store.code)


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_takes_nothing_new_below_what_is_not_active(tenant, status):
    update(tenant, "merchant", status=status)
    with pytest.raises(ParentNotActive):
        make_store(tenant.merchant)
    update(tenant, "psp", status=status)
    with pytest.raises(ParentNotActive):
        make_merchant(tenant.psp)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "small"),
        ("code", ""),
        ("code", "X" * 65),
        ("name", "  "),
        ("country", "XX"),
        ("country", "th"),
        ("currency", "ZZZ"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", ""),
    ],
)
def test_refuses_what_cannot_be_and_names_it(database, field, value):
    with pytest.raises(Invalid) as refused:
        hierarchy.create_psp(
            scope=SEED,
            profile=make_profile("OK", **{field: value}) if field != "code" else _with_code(value),
            now=clock.now(),
        )
    assert [error.field for error in refused.value.errors] == [field]
    assert published() == []


def _with_code(code):
    profile = make_profile("OK")
    return type(profile)(code=code, name=profile.name, country="TH", currency="THB", time_zone="Asia/Bangkok")


@pytest.mark.parametrize(
    "changes",
    [{"name": " "}, {"status": "open"}, {"country": "ZZ"}, {"rate_limit_per_minute": 0}, {"currency": "thb"}],
)
def test_refuses_a_change_that_cannot_be(tenant, changes):
    with pytest.raises(Invalid) as refused:
        update(tenant, "psp", **changes)
    assert [error.field for error in refused.value.errors] == list(changes)


@pytest.mark.parametrize("level", LEVELS)
def test_of_another_provider_is_missing(tenant, level):
    other = make_tenant()
    function = getattr(hierarchy, f"update_{level}")
    with pytest.raises(NotFound):
        function(
            scope=other.scope,
            **{f"{level}_id": getattr(tenant, level).id},
            changes=ProfileChanges(name="Mine"),
            now=clock.now(),
        )
    with atomic(SEED):
        assert MODELS[level].objects.get(id=getattr(tenant, level).id).name == getattr(tenant, level).name


def test_of_another_provider_cannot_be_built_upon(tenant):
    other = make_tenant()
    with pytest.raises(NotFound):
        hierarchy.create_store(
            scope=other.scope, merchant_id=tenant.merchant.id, profile=make_profile(), now=clock.now()
        )
    with pytest.raises(NotFound):
        hierarchy.create_merchant(
            scope=other.scope, psp_id=tenant.psp.id, profile=make_profile(), now=clock.now()
        )


def test_is_joined_by_the_database_even_in_the_system_scope(tenant):
    """A store of one provider cannot hang below another provider's merchant, whatever the SQL says."""
    other = make_tenant()
    with pytest.raises(IntegrityError), atomic(SEED):
        db.execute("UPDATE stores SET merchant_id = %s WHERE id = %s", [other.merchant.id, tenant.store.id])


def test_tenant_columns_are_the_entries_own_ids(tenant):
    with atomic(SEED):
        rows = db.execute(
            "SELECT p.psp_id = p.id AND m.merchant_id = m.id AND s.store_id = s.id FROM psps p, merchants m, stores s"
        )
    assert rows == [(True,)]


def test_no_provider_makes_another(tenant):
    with pytest.raises(Exception, match="row-level security"):
        hierarchy.create_psp(scope=TenantScope(tenant.psp.id), profile=make_profile(), now=clock.now())
