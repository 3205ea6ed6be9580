"""A pooled connection that the server has ended meanwhile is replaced before anybody uses it.

Asking each connection with a query would cost every request a round trip. But an idle connection has nothing to say
unless the server hangs up: then its socket is readable, which one system call tells.
"""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """The connection of one alias in one thread."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        """A connection that was alive a moment ago. Raises OperationalError when none is to be had."""
        connection: psycopg.Connection[Any] = super().get_new_connection(conn_params)
        while self.pool and has_been_ended(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection


def has_been_ended(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has hung up on an idle connection."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
