"""Wiring of the pgw context."""

from kernel.apps import ContextConfig


class PgwConfig(ContextConfig):
    name = "mpac.pgw"
    label = "pgw"
