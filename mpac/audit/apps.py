"""Wiring of the audit context."""

from kernel.apps import ContextConfig


class AuditConfig(ContextConfig):
    name = "mpac.audit"
    label = "audit"
