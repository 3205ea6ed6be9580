"""The statements that keep the mirror. Each one guards the version and the owner itself, whatever races."""

from dataclasses import dataclass

_STATE = ("version", "deleted_at", "synced_at")


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """A table of the mirror: what names a row and its owner, what is replaced, and what is given to a new row only."""

    table: str
    owner: tuple[str, ...]
    columns: tuple[str, ...]
    made: tuple[str, ...] = ()

    @property
    def insert(self) -> str:
        """Makes the row, unless it is there under any of its keys: a target would let the other keys raise."""
        names = (*self.made, *self.owner, *self.columns, *_STATE)
        values = ", ".join(f"%({name})s" for name in names)
        return f"INSERT INTO {self.table} ({', '.join(names)}) VALUES ({values}) ON CONFLICT DO NOTHING RETURNING 1"

    @property
    def update(self) -> str:
        """Brings an older row of this owner to the new version."""
        values = ", ".join(f"{name} = %({name})s" for name in (*self.columns, *_STATE))
        return f"UPDATE {self.table} SET {values} WHERE {self._owned} AND version < %(version)s RETURNING 1"

    @property
    def find(self) -> str:
        """Whether the row is this owner's."""
        return f"SELECT 1 FROM {self.table} WHERE {self._owned}"

    @property
    def _owned(self) -> str:
        return " AND ".join(f"{name} = %({name})s" for name in self.owner)


PARTNER = Mirrored(
    table="client_partners",
    owner=("psp_id",),
    columns=("name", "is_active", "rate_limit_per_minute"),
)
MERCHANT = Mirrored(
    table="merchants",
    owner=("psp_id", "merchant_id"),
    columns=("merchant_code", "name", "is_active"),
)
STORE = Mirrored(
    table="stores",
    owner=("psp_id", "merchant_id", "store_id"),
    columns=("store_code", "name", "is_active"),
)
CONFIG = Mirrored(
    table="store_provider_configs",
    owner=("psp_id", "merchant_id", "store_id", "provider_name"),
    columns=("account", "api_key_encrypted", "enabled", "livemode"),
    made=("id", "created_at"),
)
