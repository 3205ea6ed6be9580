"""Wiring of the payment gateway into Django."""

from kernel.apps import ContextConfig


class PgwConfig(ContextConfig):
    name = "mpac.pgw"
    label = "pgw"
    verbose_name = "Payment gateway"
