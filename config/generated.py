"""What is generated from the code and checked in: the API document, who may call what, the event catalogue and the state
diagrams.
"""

import typing
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum

import orjson
from django.apps import apps
from django.conf import settings

from config import permissions
from config.docs import openapi_document
from kernel import events, handlers
from kernel.schema import rules_of

STATES_BEGIN = "<!-- states -->\n"
STATES_END = "<!-- /states -->"


def files() -> dict[str, str]:
    """Every generated file by its path in the repository."""
    found = {
        "docs/api/openapi.json": openapi_document().decode(),
        "docs/events/events.json": event_catalogue(),
        "docs/permissions.md": permissions.page(),
    }
    for name in settings.MPAC_CONTEXTS:
        readme = settings.BASE_DIR / "mpac" / name / "README.md"
        if readme.exists():
            before, begins, rest = readme.read_text().partition(STATES_BEGIN)
            _, ends, after = rest.partition(STATES_END)
            steps = state_diagrams(name) if begins else ""
            found[f"mpac/{name}/README.md"] = "".join((before, begins, steps, ends, after))
    return found


def event_catalogue() -> str:
    """Every event type with its version, fields and consumers."""
    catalogue = {
        kind: {
            "version": event.version,
            "summary": (event.__doc__ or "").strip().splitlines()[0],
            "fields": {field.name: _type_name(event, field.name) for field in fields(event)},
            "consumers": sorted(handler.consumer for handler in handlers.handlers_of(kind)),
        }
        for kind, event in sorted(events.registered().items())
        if event.__module__.startswith(("mpac.", "kernel."))
    }
    return orjson.dumps(catalogue, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def state_diagrams(context: str) -> str:
    """A Mermaid diagram for every aggregate of a context that has states."""
    found = {model._meta.db_table: rules_of(model) for model in apps.get_app_config(context).get_models()}
    return "\n".join(
        _diagram(table, rules.transitions) for table, rules in found.items() if rules and rules.transitions
    )


def _diagram(table: str, transitions: Mapping[StrEnum, frozenset[StrEnum]]) -> str:
    edges = [
        f"    {source} --> {target}" for source, targets in transitions.items() for target in sorted(targets)
    ]
    return "\n".join([f"`{table}`", "", "```mermaid", "stateDiagram-v2", *edges, "```", ""])


def _type_name(event: type, field: str) -> str:
    hint = typing.get_type_hints(event)[field]
    return (
        getattr(hint, "__name__", str(hint))
        if not typing.get_args(hint)
        else str(hint).replace("typing.", "")
    )
