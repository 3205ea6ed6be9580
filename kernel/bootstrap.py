"""Roles and schemas: what a database administrator prepares once, before the first migration. Idempotent.

Per context an owner role (DDL, migrations, partition upkeep) and a runtime role (the statements granted on its own
tables, nothing else). Neither can bypass row-level security; neither can see another context's schema.
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql

ROLE = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"


def bootstrap(connection: psycopg.Connection, passwords: Mapping[str, tuple[str, str]]) -> None:
    """Create what is missing. `passwords` maps each context to (owner's password, runtime password)."""
    connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    database = connection.info.dbname
    connection.execute(
        sql.SQL("REVOKE CREATE, TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database))
    )
    for context, (owner_password, password) in passwords.items():
        owner, runtime = f"mpac_{context}_owner", f"mpac_{context}"
        _role(connection, owner, owner_password, context)
        _role(connection, runtime, password, context)
        names = {"s": sql.Identifier(context), "o": sql.Identifier(owner), "r": sql.Identifier(runtime)}
        if connection.info.user != owner and not _is_superuser(connection):
            connection.execute(sql.SQL("GRANT {o} TO CURRENT_USER").format(**names))
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {s} AUTHORIZATION {o}").format(**names))
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {s} TO {r}").format(**names))


def _is_superuser(connection: psycopg.Connection) -> bool:
    return connection.info.parameter_status("is_superuser") == "on"


def _role(connection: psycopg.Connection, role: str, password: str, schema: str) -> None:
    name = sql.Identifier(role)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} " + ROLE).format(name))
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(password)))
    connection.execute(sql.SQL("ALTER ROLE {} SET search_path = {}").format(name, sql.Identifier(schema)))
