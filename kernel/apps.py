"""Application configuration shared by the contexts, and the guard that keeps database pools out of forked children."""

import os
from importlib import import_module
from importlib.util import find_spec

from django.apps import AppConfig
from django.conf import settings
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper


def forget_connections() -> None:
    """Drop inherited pools and connections after a fork; two processes must never share a server socket."""
    DatabaseWrapper._connection_pools.clear()  # type: ignore[attr-defined]
    for connection in connections.all(initialized_only=True):
        connection.connection = None


class KernelConfig(AppConfig):
    name = "kernel"

    def ready(self) -> None:
        os.register_at_fork(after_in_child=forget_connections)
        if settings.MPAC_TRACES_ENDPOINT:
            import_module("kernel.opentelemetry").start(
                endpoint=settings.MPAC_TRACES_ENDPOINT,
                ratio=settings.MPAC_TRACES_RATIO,
                environment=settings.MPAC_ENV,
            )


class ContextConfig(AppConfig):
    """A bounded context: at start-up its handlers and jobs are registered."""

    default = False

    def ready(self) -> None:
        import_module("kernel.upkeep").register(self.label, settings.MPAC_CONTEXTS[self.label])
        for module in ("handlers", "tasks"):
            if find_spec(f"{self.name}.{module}"):
                import_module(f"{self.name}.{module}")
