"""What sync's endpoints answer."""

from kernel.rest import View


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
