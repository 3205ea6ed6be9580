"""How settings of terminals work: what may be set where, and which of the values above a terminal holds for it.

A value is set at a level. The closer a level is to the terminal, the more its value counts, but for a locked one: it holds
for everything below, whatever is set there. Where nothing is set, the default holds.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgspec

from kernel.errors import FieldError
from mpac.portal.domain.places import Level
from mpac.portal.errors import MisfitValue

RANK: Mapping[str, int] = {level.value: rank for rank, level in enumerate(Level)}
EVERYWHERE = frozenset(Level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing that can be set. `type` is what msgspec checks a value against, and what the catalogue describes.

    A `secret` is sealed at rest and shown to nobody but the terminals. One that is not `lockable` may always be overridden
    below; `levels` are those where it may be set at all.
    """

    name: str
    type: Any
    default: Any
    meaning: str
    secret: bool = False
    lockable: bool = True
    levels: frozenset[Level] = EVERYWHERE

    def fit(self, value: object) -> Any:
        """The value as it is kept: of the declared type, sets in order. Raises MisfitValue."""
        try:
            fitting = msgspec.convert(value, self.type)
        except msgspec.ValidationError as error:
            raise MisfitValue(errors=[FieldError("value", "invalid", f"{error}.")]) from None
        return msgspec.to_builtins(fitting, order="sorted")

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its values."""
        return msgspec.json.schema(self.type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A value as it is set at one place. `priority` decides between groups: the highest counts."""

    level: str
    place: str
    name: str
    value: Any
    sealed: str = ""
    locked: bool
    version: int
    set_by: str
    set_at: dt.datetime
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """What holds at a place: the value, and where it comes from; `source` is None for a default.

    `overridden` are values closer to the terminal that a lock makes void.
    """

    setting: Setting
    source: Held | None
    overridden: tuple[Held, ...] = ()

    @property
    def value(self) -> Any:
        """The value in the clear; of a secret, nothing."""
        return self.setting.default if self.source is None else self.source.value

    @property
    def is_locked(self) -> bool:
        return self.source is not None and self.source.locked


def resolve(setting: Setting, held: Iterable[Held]) -> Effective:
    """Which of the values that are set above and at a place holds there."""
    source: Held | None = None
    void: tuple[Held, ...] = ()
    for each in winners(held):
        if source is not None and source.locked:
            void = (*void, each)
        else:
            source = each
    return Effective(setting=setting, source=source, overridden=void)


def winners(held: Iterable[Held]) -> Sequence[Held]:
    """One value a level, the widest level first. Of several groups the one with the highest priority has its way, and of
    equal ones the first by name.
    """
    ordered = sorted(held, key=lambda each: (RANK[each.level], -each.priority, each.place))
    return [next(found) for _level, found in groupby(ordered, key=lambda each: each.level)]


def resolve_all(settings: Mapping[str, Setting], held: Iterable[Held]) -> dict[str, Effective]:
    """Every setting as it holds at the place whose chain of values this is. A value without a setting is left out."""
    by_name: dict[str, list[Held]] = {name: [] for name in settings}
    for each in held:
        if each.name in by_name:
            by_name[each.name].append(each)
    return {name: resolve(settings[name], found) for name, found in by_name.items()}
