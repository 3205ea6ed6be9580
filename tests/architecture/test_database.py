"""The database itself ..."""

import re
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError

from kernel import clock
from kernel.db import ContextDb
from kernel.migrate import tables_of
from kernel.schema import rules_of
from kernel.tenancy import NoTenantScope, SystemScope, TenantScope

CONTEXTS = dict(settings.MPAC_CONTEXTS)
# Tables of Django and its sign-in applications: they hold no tenant data.
DJANGO = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_admin_log",
    "django_content_type",
    "django_migrations",
    "django_session",
}
SOURCES = Path(settings.BASE_DIR)
GENERATED = frozenset({"id", "movement_id"})
UPSERT = re.compile(r"INSERT INTO (\w+)[^;\"]*?ON CONFLICT \(([^)]*)\)")
TABLES = """
    SELECT n.nspname, c.relname, c.relkind = 'p', c.relispartition, c.relrowsecurity, c.relforcerowsecurity,
           pg_get_userbyid(c.relowner)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p')
"""


def rules_by_table() -> dict[tuple[str, str], object]:
    return {
        (name, model._meta.db_table): rules_of(model)
        for name, alias in CONTEXTS.items()
        for model in tables_of(alias)
        if rules_of(model) is not None
    }


def test_holds_only_tables_that_are_declared(superuser):
    declared = {table for _, table in rules_by_table()}
    parents = dict(
        superuser.execute(
            "SELECT c.relname, p.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " JOIN pg_class p ON p.oid = i.inhparent"
        ).fetchall()
    )
    for _schema, table, *_ in superuser.execute(TABLES, [list(CONTEXTS)]):
        name = parents.get(table, table)
        assert name in declared | DJANGO or name.startswith(("otp_", "users_")), (
            f"{table} is declared nowhere"
        )


def test_every_model_declares_its_rules():
    undeclared = [
        model.__name__
        for name in CONTEXTS
        for model in apps.get_app_config(name).get_models()
        if rules_of(model) is None
    ]
    assert undeclared == []


def test_forces_row_level_security_on_every_tenant_table_and_partition(superuser):
    rules = rules_by_table()
    seen = 0
    for schema, table, _partitioned, is_partition, enabled, forced, _owner in superuser.execute(
        TABLES, [list(CONTEXTS)]
    ):
        columns = {
            row[0]
            for row in superuser.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
                [schema, table],
            )
        }
        declared = rules.get((schema, table))
        is_tenant = bool(columns & {"psp_id", "merchant_id", "store_id"})
        if is_tenant:
            seen += 1
            assert enabled, f"{schema}.{table}: row-level security is off"
            assert forced, f"{schema}.{table}: its owner may bypass row-level security"
        if not is_partition and declared is not None:
            assert (declared.tenant is not None) == is_tenant, f"{schema}.{table}: rules and columns disagree"
    assert seen > 20


def test_gives_the_runtime_roles_nothing_but_their_own_tables(superuser):
    for name in CONTEXTS:
        role = f"mpac_{name}"
        assert superuser.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = %s",
            [role],
        ).fetchone() == (False, False, False, False)
        owned = superuser.execute(
            "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = %s", [role]
        )
        assert owned.fetchone() == (0,)
        foreign = superuser.execute(
            "SELECT table_schema, table_name FROM information_schema.role_table_grants"
            " WHERE grantee = %s AND table_schema <> %s",
            [role, name],
        ).fetchall()
        assert foreign == []


def test_gives_the_runtime_roles_no_partition_directly(superuser):
    granted = superuser.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relispartition AND EXISTS (SELECT 1 FROM aclexplode(c.relacl) a"
        "   JOIN pg_roles r ON r.oid = a.grantee WHERE r.rolname = 'mpac_' || n.nspname)"
    ).fetchall()
    assert granted == []


@pytest.mark.parametrize("name", CONTEXTS)
def test_refuses_a_runtime_role_another_schema(database, name):
    others = [other for other in CONTEXTS if other != name]
    db = ContextDb(name, alias=CONTEXTS[name])
    for other in others:
        with pytest.raises(DatabaseError, match="permission denied"), db.atomic(SystemScope("invariants")):
            db.execute(f"SELECT * FROM {other}.outbox")


@pytest.mark.parametrize("name", CONTEXTS)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE loot (a int)",
        "DROP TABLE outbox",
        "ALTER TABLE outbox DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE public.loot (a int)",
        "TRUNCATE outbox",
    ],
)
def test_refuses_a_runtime_role_ddl(database, name, statement):
    db = ContextDb(name, alias=CONTEXTS[name])
    with (
        pytest.raises(DatabaseError, match=r"permission denied|must be owner"),
        db.atomic(SystemScope("invariants")),
    ):
        db.execute(statement)


def test_shows_no_rows_without_a_scope_and_none_of_another_tenant(database):
    db = ContextDb("sync", alias="sync")
    insert = (
        "INSERT INTO idempotency_keys (psp_id, merchant_id, store_id, operation, key, fingerprint, state, resource_id,"
        " status, body, locked_until, created_at) VALUES (%s, 0, 0, 'x', 'k', '', 'finished', '', 200, '', %s, %s)"
    )
    now = clock.now()
    with db.atomic(TenantScope(1)):
        db.execute(insert, [1, now, now])
    count = "SELECT count(*) FROM idempotency_keys"
    with db.connection.cursor() as cursor:
        cursor.execute(count)
        assert cursor.fetchone() == (0,)
    with db.atomic(TenantScope(2)):
        assert db.execute(count) == [(0,)]
    with db.atomic(TenantScope(1)):
        assert db.execute(count) == [(1,)]
    with pytest.raises(DatabaseError, match="row-level security"), db.atomic(TenantScope(1)):
        db.execute(insert, [2, now, now])


def test_refuses_sql_outside_a_scoped_transaction(database):
    with pytest.raises(NoTenantScope):
        ContextDb("sync", alias="sync").execute("SELECT 1")


def test_has_no_foreign_key_across_contexts(superuser):
    crossing = superuser.execute(
        "SELECT k.conname FROM pg_constraint k JOIN pg_class a ON a.oid = k.conrelid JOIN pg_class b ON b.oid = k.confrelid"
        " WHERE k.contype = 'f' AND a.relnamespace <> b.relnamespace"
    ).fetchall()
    assert crossing == []


def test_makes_tenant_columns_part_of_every_reference_inside_a_context(superuser):
    """A child of one tenant can never point to a parent of another."""
    for (schema, table), rules in rules_by_table().items():
        for parent in rules.parents:
            found = superuser.execute(
                "SELECT 1 FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid"
                " JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE k.contype = 'f' AND k.convalidated AND n.nspname = %s AND c.relname = %s AND k.conname = %s",
                [schema, table, f"{table}_{parent.column}_tenant_fk"[:63]],
            ).fetchone()
            assert found, f"{schema}.{table}.{parent.column} has no tenant foreign key"


def test_is_three_partitions_ahead_everywhere(superuser):
    for (schema, table), rules in rules_by_table().items():
        if rules.partitioned:
            future = superuser.execute(
                "SELECT count(*) FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent"
                " JOIN pg_namespace n ON n.oid = p.relnamespace JOIN pg_class c ON c.oid = i.inhrelid"
                " WHERE n.nspname = %s AND p.relname = %s AND c.relname > %s AND c.relname NOT LIKE '%%_default'",
                [schema, table, f"{table}_{clock.now():%Y_%m}"],
            ).fetchone()
            assert future[0] >= 3, f"{schema}.{table}"


def test_refuses_illegal_transitions_even_from_plain_sql(superuser):
    guarded = [
        (schema, table, rules)
        for (schema, table), rules in rules_by_table().items()
        if rules.transitions is not None
    ]
    assert guarded
    for schema, table, rules in guarded:
        found = superuser.execute(
            "SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n"
            " ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s AND t.tgname = %s",
            [schema, table, f"{table}_{rules.status_field}_transition"],
        ).fetchone()
        assert found == (1,), f"{schema}.{table} has no transition trigger"


def test_does_not_let_the_runtime_role_change_append_only_rows(superuser):
    for (schema, table), rules in rules_by_table().items():
        if rules.append_only:
            rights = {
                row[0]
                for row in superuser.execute(
                    "SELECT privilege_type FROM information_schema.role_table_grants"
                    " WHERE table_schema = %s AND table_name = %s AND grantee = %s",
                    [schema, table, f"mpac_{schema}"],
                )
            }
            more = {"UPDATE"} if rules.editable else set()
            more |= {"DELETE"} if rules.deletable else set()
            assert rights == {"SELECT", "INSERT"} | more, f"{schema}.{table}"


def test_lets_upkeep_alone_remove_append_only_rows(database):
    found = [each for each, rules in rules_by_table().items() if rules.append_only and rules.deletable]
    assert found == [("portal", "command_status_changes")]  # shown in portal/services/test_cleanup.py


def test_is_reached_only_by_the_runtime_roles(database):
    for name, alias in CONTEXTS.items():
        db = ContextDb(name, alias=alias)
        with db.connection.cursor() as cursor:
            cursor.execute("SELECT current_user, current_schema()")
            assert cursor.fetchone() == (f"mpac_{name}", name)


def test_lets_no_runtime_role_read_the_superusers_catalogs(database):
    with (
        pytest.raises((DatabaseError, psycopg.Error)),
        ContextDb("sync", alias="sync").atomic(SystemScope("invariants")),
    ):
        ContextDb("sync", alias="sync").execute("SELECT rolpassword FROM pg_authid")


def test_names_in_no_upsert_one_key_of_several_that_a_new_row_may_collide_with(superuser):
    """A conflict on a key that is not the target raises, though another one would have been met: two writers of a new row
    then fail by chance. Keys that hold a generated id collide with nobody.
    """
    unique = superuser.execute("""
        SELECT c.relname, array_agg(a.attname ORDER BY a.attname)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a
          ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey::int2[])
        WHERE i.indisunique GROUP BY i.indexrelid, c.relname
    """).fetchall()
    keys: dict[str, list[frozenset[str]]] = {}
    for table, columns in unique:
        keys.setdefault(table, []).append(frozenset(columns))
    seen = 0
    for path in [*SOURCES.glob("mpac/**/*.py"), *SOURCES.glob("kernel/**/*.py")]:
        for table, target in UPSERT.findall(path.read_text()):
            arbiter = frozenset(re.split(r"[\s,]+", target.strip()))
            others = [k for k in keys[table] if k != arbiter and not k & GENERATED]
            assert not others, f"{path.name}: {table} may also collide on {sorted(map(sorted, others))}"
            seen += 1
    assert seen
