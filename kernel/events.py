"""Events: what happened in a context, as frozen dataclasses that other contexts may react to.

An event class is its own schema: `type` names it for ever, `version` rises when a field changes its meaning. Fields hold
plain values only (text, integers, booleans, instants, lists and mappings of these); identifiers travel as TypeIDs.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import msgspec

BASE_FIELDS = ("aggregate_id", "psp_id", "merchant_id", "store_id")


class UnknownEvent(LookupError):
    """The outbox holds an event type that this version of the code does not know."""


_registry: dict[str, type["Event"]] = {}


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events. `aggregate_id` names the thing whose events must stay in order."""

    type: ClassVar[str] = ""
    version: ClassVar[int] = 1

    aggregate_id: str
    psp_id: int | None
    merchant_id: int | None = None
    store_id: int | None = None

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: Any) -> None:
        """Enter a new event class; an abstract one only holds what others share and is never published."""
        super().__init_subclass__(**kwargs)
        if abstract:
            return
        if not cls.type:
            msg = f"{cls.__name__} declares no type"
            raise TypeError(msg)
        known = _registry.setdefault(cls.type, cls)
        if known.__qualname__ != cls.__qualname__:
            msg = f"event type {cls.type!r} is declared twice"
            raise TypeError(msg)

    def payload(self) -> dict[str, Any]:
        """The fields beside those every event has."""
        return {
            field.name: getattr(self, field.name) for field in fields(self) if field.name not in BASE_FIELDS
        }


def registered() -> dict[str, type[Event]]:
    """All event classes by their type."""
    return dict(_registry)


def load(kind: str, *, base: dict[str, Any], payload: dict[str, Any]) -> Event:
    """Rebuild an event from its stored form; fields that this version does not know are ignored.

    Raises UnknownEvent when the type is not registered.
    """
    try:
        cls = _registry[kind]
    except KeyError:
        raise UnknownEvent(kind) from None
    return msgspec.convert({**payload, **base}, cls, strict=False)
