"""A pooled connection that the server has ended meanwhile is replaced before anybody uses it.

Asking each connection with a query would cost every request a round trip. But an idle connection has nothing to say
unless the server hangs up: then its socket is readable, which one system call tells.
"""

import select
from collections.abc import Callable
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from kernel import tracing


class DatabaseWrapper(base.DatabaseWrapper):
    """The connection of one alias in one thread. Its statements are traced where anything is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if tracing.is_on():
            self.execute_wrappers.append(trace_statement)

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        """A connection that was alive a moment ago. Raises OperationalError when none is to be had."""
        connection: psycopg.Connection[Any] = super().get_new_connection(conn_params)
        while self.pool and has_been_ended(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection


def trace_statement(
    execute: Callable[..., Any],
    statement: Any,
    values: Any,
    many: bool,  # noqa: FBT001  (Django calls it by place)
    context: dict[str, Any],
) -> Any:
    """Run a statement in a span that shows it as the code words it; its values are not looked at."""
    with tracing.span("sql", kind="client", statement=" ".join(str(statement).split())):
        return execute(statement, values, many, context)


def has_been_ended(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has hung up on an idle connection."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
