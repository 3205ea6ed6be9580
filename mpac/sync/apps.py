"""Wiring of the sync context."""

from kernel.apps import ContextConfig


class SyncConfig(ContextConfig):
    name = "mpac.sync"
    label = "sync"
