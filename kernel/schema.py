"""What the database itself enforces about a table, declared beside its model and converged after every migration.

Migrations carry columns and indexes; this module carries security and law: row-level security, grants, append-only and
state-transition triggers, tenant-consistent foreign keys, partitions. It is state, not history: `converge` compares the
catalog with the declarations and changes only what differs, so running it again costs a few look-ups.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from django.db import models

Tenant = Literal["psp", "merchant", "store", "optional", "key", "inherited", "provider"]
Cursor = Any

SYSTEM = "coalesce(current_setting('app.system', true), '') <> ''"
PSP = "psp_id = nullif(current_setting('app.psp_id', true), '')::int"
MERCHANT = (
    "(coalesce(current_setting('app.merchant_id', true), '') = ''"
    " OR merchant_id = nullif(current_setting('app.merchant_id', true), '')::int)"
)
STORE = (
    "(coalesce(current_setting('app.store_ids', true), '') = ''"
    " OR store_id = ANY (nullif(current_setting('app.store_ids', true), '')::int[]))"
)
POLICIES: dict[str, str] = {
    "psp": f"{SYSTEM} OR {PSP}",
    "merchant": f"{SYSTEM} OR ({PSP} AND {MERCHANT})",
    "store": f"{SYSTEM} OR ({PSP} AND {MERCHANT} AND {STORE})",
    "optional": f"{SYSTEM} OR ({PSP} AND {MERCHANT})",
    "key": f"{SYSTEM} OR {PSP}",
    # What belongs to a whole provider is seen by its merchants, too.
    "provider": f"{SYSTEM} OR ({PSP} AND (merchant_id IS NULL OR {MERCHANT}))",
    # What holds for everybody, one's provider or one's merchant is seen from below; whoever has no scope sees nothing.
    "inherited": (
        f"{SYSTEM} OR (coalesce(current_setting('app.psp_id', true), '') <> '' AND (psp_id IS NULL OR {PSP})"
        f" AND (merchant_id IS NULL OR {MERCHANT}) AND (store_id IS NULL OR {STORE}))"
    ),
}
# What may be written and deleted, where that is less than what is seen.
CHECKS: dict[str, str] = {"inherited": POLICIES["store"], "provider": POLICIES["optional"]}
# What is the platform's own and published: seen by every tenant, written by none.
SHARED = "psp_id IS NULL AND coalesce(current_setting('app.psp_id', true), '') <> ''"
TENANT_COLUMNS = ("psp_id", "merchant_id", "store_id")


@dataclass(frozen=True, slots=True)
class Parent:
    """A reference inside the context whose tenant columns must agree with those of the row it points to."""

    column: str
    table: str
    to_column: str = "id"
    tenant_columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRules:
    """The law of one table.

    `tenant` says how far row-level security narrows; None needs a `reason`. Rows of an `inherited` or a `provider` table
    that belong to a level above are seen and not written.
    `transitions` is the table of legal steps of `status_field`. `append_only` rows are never changed, but for the `editable`
    columns; only `deletable` rows may be removed by the runtime role, those that are both by upkeep alone. `sealed` names
    the columns with sealed secrets, which the model's `sealed_for()` binds to its row.
    Rows of a `shared` table that have no provider are the platform's, and may be read by every tenant.
    A partition whose every row is older than `keep` is dropped, but for one with a row that meets `keep_while`.
    """

    tenant: Tenant | None
    reason: str = ""
    shared: bool = False
    append_only: bool = False
    editable: tuple[str, ...] = ()
    deletable: bool = False
    partitioned: bool = False
    identity: str = ""
    transitions: Mapping[Any, frozenset[Any]] | None = (
        None  # of one StrEnum; mappings are invariant in their keys
    )
    status_field: str = "status"
    parents: tuple[Parent, ...] = ()
    sealed: tuple[str, ...] = ()
    keep: timedelta | None = None
    keep_while: str = "false"

    def __post_init__(self) -> None:
        if self.tenant is None and not self.reason:
            msg = "a table without a tenant needs a reason"
            raise ValueError(msg)
        if self.keep is not None and not self.partitioned:
            msg = "only partitions can be dropped"
            raise ValueError(msg)
        if self.editable and not self.append_only:
            msg = "only rows that are append-only have columns that are an exception"
            raise ValueError(msg)


def rules_of(model: type[models.Model]) -> TableRules | None:
    """The rules declared on a model; None for Django's own tables, which hold no tenant data."""
    return getattr(model, "rules", None)


def converge(cursor: Cursor, schema: str, tables: Iterable[type[models.Model]]) -> None:
    """Bring every table of a context to its declared rules. Runs as the schema's owner, inside no tenant scope."""
    role = f"mpac_{schema}"
    declared = [(model._meta.db_table, rules_of(model), model) for model in tables]
    for table, rules, _model in declared:
        grant(cursor, schema, table, role, rules)
        if rules is None:
            continue
        if rules.identity:
            _identity(cursor, schema, table, rules.identity)
        secure(cursor, schema, table, rules)
        for child in _children(cursor, schema, table):
            secure(cursor, schema, child, rules)
        _append_only(cursor, schema, table, rules)
        _transitions(cursor, schema, table, rules)
    for table, rules, model in declared:
        for parent in rules.parents if rules else ():
            _parent(cursor, schema, table, model, parent)
    cursor.execute(
        "SELECT s.relname FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace"
        " WHERE n.nspname = %s AND s.relkind = 'S'",
        [schema],
    )
    for (sequence,) in cursor.fetchall():
        cursor.execute(f'GRANT USAGE, SELECT ON SEQUENCE "{schema}"."{sequence}" TO "{role}"')
    cursor.execute(f'GRANT SELECT ON "{schema}".django_migrations TO "{role}"')


def grant(cursor: Cursor, schema: str, table: str, role: str, rules: TableRules | None) -> None:
    """Give the runtime role exactly the statements that the table's rules allow; partitions get none of their own."""
    if rules is None:
        wanted = {"SELECT", "INSERT", "UPDATE", "DELETE"}
    elif rules.append_only:
        wanted = {"SELECT", "INSERT"} | ({"UPDATE"} if rules.editable else set())
    else:
        wanted = {"SELECT", "INSERT", "UPDATE"}
    if rules is not None and rules.deletable:
        wanted |= {"DELETE"}
    cursor.execute(
        "SELECT privilege_type FROM information_schema.role_table_grants"
        " WHERE table_schema = %s AND table_name = %s AND grantee = %s",
        [schema, table, role],
    )
    have = {row[0] for row in cursor.fetchall()}
    if extra := have - wanted:
        cursor.execute(f'REVOKE {", ".join(sorted(extra))} ON "{schema}"."{table}" FROM "{role}"')
    if missing := wanted - have:
        cursor.execute(f'GRANT {", ".join(sorted(missing))} ON "{schema}"."{table}" TO "{role}"')


def secure(cursor: Cursor, schema: str, table: str, rules: TableRules) -> None:
    """Enable and force row-level security with the tenant policy, on a table or on one of its partitions."""
    if rules.tenant is None:
        return
    cursor.execute(
        "SELECT c.relrowsecurity AND c.relforcerowsecurity"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s",
        [schema, table],
    )
    if not cursor.fetchone()[0]:
        cursor.execute(
            f'ALTER TABLE "{schema}"."{table}" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY'
        )
    policy = POLICIES[rules.tenant]
    check = CHECKS.get(rules.tenant, policy)
    _policy(cursor, schema, table, "tenant", f"USING ({policy}) WITH CHECK ({check})")
    if check != policy:  # a deletion is checked like a look
        _policy(cursor, schema, table, "deletion", f"AS RESTRICTIVE FOR DELETE USING ({check})")
    if rules.shared:
        _policy(cursor, schema, table, "shared", f"FOR SELECT USING ({SHARED})")


def _policy(cursor: Cursor, schema: str, table: str, name: str, law: str) -> None:
    """One policy, made anew when its law has changed."""
    mark = "mpac:" + hashlib.sha256(law.encode()).hexdigest()[:16]
    cursor.execute(
        "SELECT obj_description(p.oid, 'pg_policy') FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s AND p.polname = %s",
        [schema, table, name],
    )
    if cursor.fetchone() == (mark,):
        return
    where = f'"{schema}"."{table}"'
    cursor.execute(f"DROP POLICY IF EXISTS {name} ON {where}")
    cursor.execute(f"CREATE POLICY {name} ON {where} {law}")
    cursor.execute(f"COMMENT ON POLICY {name} ON {where} IS '{mark}'")


def _children(cursor: Cursor, schema: str, table: str) -> list[str]:
    cursor.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n ON n.oid = p.relnamespace"
        " WHERE n.nspname = %s AND p.relname = %s",
        [schema, table],
    )
    return [row[0] for row in cursor.fetchall()]


def _identity(cursor: Cursor, schema: str, table: str, column: str) -> None:
    """Number rows from a sequence; identity columns of partitioned tables need PostgreSQL 17, a default does not."""
    sequence = f'"{schema}"."{table}_{column}_seq"'
    cursor.execute(f"CREATE SEQUENCE IF NOT EXISTS {sequence} AS bigint")
    cursor.execute(
        "SELECT column_default IS NULL FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s AND column_name = %s",
        [schema, table, column],
    )
    if cursor.fetchone()[0]:
        cursor.execute(
            f"""ALTER TABLE "{schema}"."{table}" ALTER COLUMN "{column}" SET DEFAULT nextval('{sequence}')"""
        )


def _trigger(cursor: Cursor, schema: str, table: str, name: str, *, when: str, body: str) -> None:
    function = f'"{schema}"."{name}"'
    cursor.execute(
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$"
        f"BEGIN {body} END $$"
    )
    cursor.execute(
        "SELECT 1 FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s AND t.tgname = %s",
        [schema, table, name],
    )
    if not cursor.fetchone():
        cursor.execute(
            f'CREATE TRIGGER "{name}" {when} ON "{schema}"."{table}" FOR EACH ROW EXECUTE FUNCTION {function}()'
        )


def _append_only(cursor: Cursor, schema: str, table: str, rules: TableRules) -> None:
    if rules.append_only:
        body = f"RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'check_violation';"
        if rules.editable:
            kept = "".join(f" - '{column}'" for column in rules.editable)
            same = f"TG_OP = 'UPDATE' AND to_jsonb(OLD){kept} = to_jsonb(NEW){kept}"
            body = f"IF {same} THEN RETURN NEW; END IF; {body}"
        if rules.deletable:
            by_upkeep = "TG_OP = 'DELETE' AND current_setting('app.system', true) = 'upkeep'"
            body = f"IF {by_upkeep} THEN RETURN OLD; END IF; {body}"
        _trigger(cursor, schema, table, f"{table}_append_only", when="BEFORE UPDATE OR DELETE", body=body)


def _transitions(cursor: Cursor, schema: str, table: str, rules: TableRules) -> None:
    if rules.transitions is None:
        return
    field = rules.status_field
    edges = ", ".join(
        f"('{source.value}', '{target.value}')"
        for source, targets in rules.transitions.items()
        for target in sorted(targets)
    )
    body = (
        f"IF OLD.{field} IS DISTINCT FROM NEW.{field} AND (OLD.{field}::text, NEW.{field}::text) NOT IN ({edges}) THEN"
        f" RAISE EXCEPTION '{table}: % -> % is not a legal transition', OLD.{field}, NEW.{field}"
        " USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
    )
    _trigger(
        cursor, schema, table, f"{table}_{field}_transition", when=f"BEFORE UPDATE OF {field}", body=body
    )


def _parent(cursor: Cursor, schema: str, table: str, model: type[models.Model], parent: Parent) -> None:
    columns = {field.column for field in model._meta.concrete_fields}
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
        [schema, parent.table],
    )
    theirs = {row[0] for row in cursor.fetchall()}
    shared = parent.tenant_columns
    if shared is None:
        shared = tuple(
            name for name in TENANT_COLUMNS if name in columns and name in theirs and name != parent.column
        )
    ours = ", ".join(f'"{name}"' for name in (*shared, parent.column))
    target = ", ".join(f'"{name}"' for name in (*shared, parent.to_column))
    unique = f"{parent.table}_{'_'.join((*shared, parent.to_column))}_key"[:63]
    cursor.execute(f'CREATE UNIQUE INDEX IF NOT EXISTS "{unique}" ON "{schema}"."{parent.table}" ({target})')
    name = f"{table}_{parent.column}_tenant_fk"[:63]
    cursor.execute(
        "SELECT 1 FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s AND k.conname = %s",
        [schema, table, name],
    )
    if cursor.fetchone():
        return
    constraint = (
        f'ALTER TABLE "{schema}"."{table}" ADD CONSTRAINT "{name}" FOREIGN KEY ({ours})'
        f' REFERENCES "{schema}"."{parent.table}" ({target})'
    )
    rules = rules_of(model)
    if rules and rules.partitioned:
        cursor.execute(constraint)
        return
    cursor.execute(f"{constraint} NOT VALID")
    cursor.execute(f'ALTER TABLE "{schema}"."{table}" VALIDATE CONSTRAINT "{name}"')
