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
Transitions = Mapping[StrEnum, frozenset[StrEnum]]


def files() -> dict[str, str]:
    """Every generated file by its path in the repository."""
    found = {
        "docs/api/openapi.json": openapi_document().decode(),
        "docs/events/events.json": event_catalogue(),
        "docs/permissions.md": permissions.page(),
        "docs/states.md": state_diagrams(),
    }
    for name in settings.MPAC_CONTEXTS:
        readme = settings.BASE_DIR / "mpac" / name / "README.md"
        if readme.exists():
            before, begins, rest = readme.read_text().partition(STATES_BEGIN)
            _, ends, after = rest.partition(STATES_END)
            steps = state_table(name) if begins else ""
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


def state_diagrams() -> str:
    """A Mermaid diagram for every aggregate that has states, by context."""
    parts = [
        "# States",
        "The steps that each aggregate can take; a trigger of the database refuses every other one.",
    ]
    for context in sorted(settings.MPAC_CONTEXTS):
        if found := _transitions_of(context):
            parts += [f"## {context}", *(_diagram(table, steps) for table, steps in found.items())]
    return "\n\n".join(parts) + "\n"


def state_table(context: str) -> str:
    """The steps of every aggregate of a context that has states, a line each."""
    lines = ["| table | steps |", "|---|---|"]
    for table, steps in _transitions_of(context).items():
        told = "; ".join(
            f"{source} → {', '.join(sorted(targets))}" for source, targets in steps.items() if targets
        )
        lines.append(f"| `{table}` | {told} |")
    return "\n".join(lines) + "\n"


def _transitions_of(context: str) -> dict[str, Transitions]:
    found = {model._meta.db_table: rules_of(model) for model in apps.get_app_config(context).get_models()}
    return {table: rules.transitions for table, rules in found.items() if rules and rules.transitions}


def _diagram(table: str, transitions: Transitions) -> str:
    edges = [
        f"    {source} --> {target}" for source, targets in transitions.items() for target in sorted(targets)
    ]
    return "\n".join([f"`{table}`", "", "```mermaid", "stateDiagram-v2", *edges, "```"])


def _type_name(event: type, field: str) -> str:
    hint = typing.get_type_hints(event)[field]
    return (
        getattr(hint, "__name__", str(hint))
        if not typing.get_args(hint)
        else str(hint).replace("typing.", "")
    )
