"""What sync's endpoints take and give."""

from typing import Annotated

import msgspec

from kernel.rest import Body, View


class RunSync(Body):
    """One merchant, or all that drifted."""

    merchant_id: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None


class SyncRun(View, kw_only=True):
    """How many merchants were copied."""

    object: str = "sync_run"
    synced_merchants: int


class Drifted(View):
    """A merchant whose mirror differs from its source."""

    psp_id: int
    merchant_id: int
    in_source: bool


class SyncStatus(View, kw_only=True):
    """How far the mirror is behind. `lag_s` is the age of the oldest change that has not been copied."""

    object: str = "sync_status"
    lag_s: float
    pending: int
    dead_letters: int
    drift: list[Drifted]
