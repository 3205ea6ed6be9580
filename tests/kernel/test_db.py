"""How a context reaches its database: in transactions that name whose rows they see."""

import pytest
from django.db import DataError, IntegrityError, transaction

from kernel.db import ScopeChanged
from kernel.tenancy import NoTenantScope, SystemScope, TenantScope, current_scope
from mpac.portal.db import db
from tests.portal.factories import make_tenant

SCOPES = "SELECT current_setting('app.psp_id', true), current_setting('app.system', true)"
NAMES = "SELECT name FROM stores ORDER BY name"
RENAME = "UPDATE stores SET name = %s RETURNING id"
SYSTEM = SystemScope("upkeep")


@pytest.fixture
def tenants(database):
    return make_tenant(), make_tenant()


def scope_of(tenant) -> TenantScope:
    return TenantScope(tenant.psp.id)


def names(scope) -> set[str]:
    return {name for (name,) in db.execute_alone(scope, NAMES)}


def test_a_statement_alone_sees_its_scope_and_leaves_none_behind(tenants):
    scope = scope_of(tenants[0])
    ((psp_id, system),) = db.execute_alone(scope, SCOPES)
    assert (psp_id, system or "") == (str(scope.psp_id), "")
    assert current_scope(db.alias) is None
    with db.connection.cursor() as cursor:
        cursor.execute(SCOPES)
        assert not any(cursor.fetchone())


def test_a_statement_alone_reaches_the_rows_of_its_tenant_and_no_others(tenants):
    one, other = map(scope_of, tenants)
    assert len(db.execute_alone(one, RENAME, ["One"])) == 1
    assert names(one) == {"One"}
    assert "One" not in names(other)
    assert names(SYSTEM) == names(one) | names(other)


def test_a_statement_alone_that_fails_changes_nothing_and_spoils_nothing(tenants):
    scope = scope_of(tenants[0])
    before = names(scope)
    with pytest.raises(IntegrityError):
        db.execute_alone(scope, "UPDATE stores SET name = 'Half', merchant_id = NULL")
    assert names(scope) == before


def test_a_statement_alone_joins_the_open_transaction(tenants):
    one, other = map(scope_of, tenants)
    before = names(one)
    with db.atomic(one):
        db.execute_alone(one, RENAME, ["Undone"])
        transaction.set_rollback(True, using=db.alias)
    assert names(one) == before
    with db.atomic(one), pytest.raises(ScopeChanged):
        db.execute_alone(other, NAMES)


def test_statements_together_give_the_rows_of_each_that_has_rows(tenants):
    scope = scope_of(tenants[0])
    asked = ("SELECT %(one)s, %(two)s", "SET LOCAL synchronous_commit = off", NAMES, "SELECT 1 WHERE false")
    values = {"one": 1, "two": "2; SELECT 3"}
    expected = [[(1, "2; SELECT 3")], [(name,) for name in sorted(names(scope))], []]
    assert db.execute_together(scope, asked, values) == expected
    with db.atomic(scope):
        assert db.execute_together(scope, asked, values) == expected


def test_statements_together_are_one_transaction(tenants):
    scope = scope_of(tenants[0])
    before = names(scope)
    with pytest.raises(DataError):
        db.execute_together(scope, ("UPDATE stores SET name = 'Half'", "SELECT 1 / 0"))
    assert names(scope) == before


def test_nothing_runs_without_a_scope(database):
    with pytest.raises(NoTenantScope):
        db.execute(NAMES)
