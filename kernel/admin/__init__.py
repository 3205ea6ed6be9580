"""The console: Django's admin behind a second factor, read-only, and inside one tenant at a time.

A context registers its models with `ConsoleAdmin`, names its `db` and the columns worth a list, and gets the rest: each
page runs, rendering included, in one transaction with the viewer's scope, so that row-level security holds for the
console as for the API; money, states, identifiers and instants show themselves readably; columns that hold secrets are
not shown even when nobody thought of them. Whatever changes data goes through a service: a `RowAction` asks and calls one.
"""

from kernel.admin.actions import Journal, ListAction, Person, RowAction, ShownOnce
from kernel.admin.columns import KindIn
from kernel.admin.pages import SECRET, ConsoleAdmin, PlatformAdmin
from kernel.admin.panels import Panel
from kernel.admin.plumbing import register_plumbing
from kernel.admin.scope import console_scope, find_console_scope
from kernel.admin.site import ConsoleSite

__all__ = [
    "SECRET",
    "ConsoleAdmin",
    "ConsoleSite",
    "Journal",
    "KindIn",
    "ListAction",
    "Panel",
    "Person",
    "PlatformAdmin",
    "RowAction",
    "ShownOnce",
    "console_scope",
    "find_console_scope",
    "register_plumbing",
]
