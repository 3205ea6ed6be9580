"""How a context opens transactions. There is no other way: bare `transaction.atomic()` would open the wrong database."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from kernel import tenancy
from kernel.logs import get_logger
from kernel.metrics import system_scopes_entered
from kernel.tenancy import Scope, SystemScope

logger = get_logger(__name__)


class ScopeChanged(RuntimeError):
    """A nested block asked for another tenant than the transaction it joined."""


def address_of(alias: str) -> dict[str, Any]:
    """Where the database behind an alias is, for a connection of psycopg's own."""
    found = connections[alias].settings_dict
    return {"host": found["HOST"] or None, "port": found["PORT"] or None, "dbname": found["NAME"]}


def login_of(alias: str) -> dict[str, Any]:
    """The runtime role and its password, for a connection of psycopg's own."""
    found = connections[alias].settings_dict
    return {"user": found["USER"], "password": found["PASSWORD"]}


class ContextDb:
    """The database of one context, reached through its alias; every transaction on it names whose rows it sees."""

    def __init__(self, name: str, *, alias: str) -> None:
        self.name = name
        self.alias = alias

    @property
    def connection(self) -> BaseDatabaseWrapper:
        """This thread's Django connection."""
        return connections[self.alias]

    @contextmanager
    def atomic(self, scope: Scope) -> Iterator[None]:
        """One transaction for `scope`; a nested block with the same scope joins it.

        Raises ScopeChanged when the open transaction belongs to another scope.
        """
        current = tenancy.current_scope(self.alias)
        if current is not None:
            if current != scope:
                msg = f"{self.name}: the open transaction has scope {current}, not {scope}"
                raise ScopeChanged(msg)
            yield
            return
        self._note(scope)
        with transaction.atomic(using=self.alias):
            with self.connection.cursor() as cursor:
                cursor.execute(tenancy.scope_sql(scope))
            tenancy.enter_scope(self.alias, scope)
            try:
                yield
            finally:
                tenancy.leave_scope(self.alias)

    def on_commit(self, function: Callable[[], object]) -> None:
        """Run `function` after the open transaction has committed."""
        transaction.on_commit(function, using=self.alias)

    def in_transaction(self) -> bool:
        return tenancy.current_scope(self.alias) is not None

    def execute(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement in the open transaction and return its rows, or an empty list when it has none."""
        if not self.in_transaction():
            msg = f"{self.name}: SQL outside a scoped transaction"
            raise tenancy.NoTenantScope(msg)
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return cursor.fetchall() if cursor.description else []

    def execute_alone(
        self, scope: Scope, sql: str, params: Sequence[Any] | dict[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Run one statement as a transaction of its own for `scope` and return its rows, or an empty list when it has none."""
        found = self.execute_together(scope, [sql], params)
        return found[0] if found else []

    def execute_together(
        self, scope: Scope, statements: Sequence[str], params: Sequence[Any] | dict[str, Any] = ()
    ) -> list[list[tuple[Any, ...]]]:
        """Run statements as a transaction of their own for `scope`, and return the rows of each that has rows; an open
        transaction is joined.

        They travel together and with the scope: one trip to the server, where an atomic block makes three and one a
        statement, which is what the calls that terminals make all day mostly cost. PostgreSQL runs statements that come
        together as one transaction.
        """
        if self.connection.in_atomic_block:
            with self.atomic(scope):
                return self._run("; ".join(statements), params)
        self._note(scope)
        return self._run("; ".join([tenancy.scope_sql(scope), *statements]), params)

    def _run(self, sql: str, params: Sequence[Any] | dict[str, Any]) -> list[list[tuple[Any, ...]]]:
        found = []
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            while True:
                if cursor.description:
                    found.append(cursor.fetchall())
                if not cursor.nextset():
                    return found

    def _note(self, scope: Scope) -> None:
        if isinstance(scope, SystemScope):
            system_scopes_entered.labels(self.name, scope.name).inc()
            logger.debug("system scope entered", context=self.name, scope=scope.name)
