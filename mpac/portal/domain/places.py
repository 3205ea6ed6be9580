"""Places in the fleet: everything that a setting or a command can be for, from the whole platform down to one terminal."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from kernel.errors import Forbidden
from kernel.tenancy import Scope, TenantScope


class Level(StrEnum):
    """How wide a place is, the widest first."""

    PLATFORM = "platform"
    PSP = "psp"
    MERCHANT = "merchant"
    STORE = "store"
    GROUP = "group"  # terminals that somebody put together
    DEVICE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A level, and whose it is. `key` is what the API calls it there."""

    level: Level
    key: str
    psp_id: int | None = None
    merchant_id: int | None = None
    store_id: int | None = None
    group_id: uuid.UUID | None = None
    device_id: uuid.UUID | None = None

    @property
    def name(self) -> str:
        """The place in one text, as the database keeps it."""
        of = {
            Level.PLATFORM: None,
            Level.PSP: self.psp_id,
            Level.MERCHANT: self.merchant_id,
            Level.STORE: self.store_id,
            Level.GROUP: self.group_id,
            Level.DEVICE: self.device_id,
        }[self.level]
        return str(self.level) if of is None else f"{self.level}:{of}"

    @property
    def line(self) -> list[str]:
        """This place and those above it. The groups of a terminal are for the database to say."""
        held = (
            (Level.PLATFORM, ""),
            (Level.PSP, self.psp_id),
            (Level.MERCHANT, self.merchant_id),
            (Level.STORE, self.store_id),
            (Level.GROUP, self.group_id),
            (Level.DEVICE, self.device_id),
        )
        return [f"{level}:{of}" if of else str(level) for level, of in held if of is not None]

    def require_reach(self, scope: Scope) -> None:
        """What is done at a place reaches everybody below it: only who answers for all of them does it. Raises Forbidden."""
        if not isinstance(scope, TenantScope):
            return
        too_wide = self.psp_id != scope.psp_id
        too_wide |= scope.merchant_id is not None and self.merchant_id != scope.merchant_id
        too_wide |= scope.store_ids is not None and self.store_id not in scope.store_ids
        if too_wide:
            raise Forbidden
