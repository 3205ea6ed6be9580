"""Status and manual recovery of the mirror, by signed service calls."""

from kernel.errors import NotFound
from kernel.rest import Endpoint, Request, operation
from mpac.portal import api as portal
from mpac.sync.db import db
from mpac.sync.rest.bodies import RunSync
from mpac.sync.rest.views import Drifted, SyncRun, SyncStatus
from mpac.sync.services import mirror, reconcile


class SyncStatusEndpoint(Endpoint):
    """How far the mirror is behind."""

    db = db
    callers = frozenset({"service"})

    @operation("sync.status", summary="How far the gateway's mirror is behind", response=SyncStatus)
    def get(self, request: Request) -> SyncStatus:
        lag = portal.announcement_lag(now=self.now)
        return SyncStatus(
            lag_s=lag.lag_s,
            pending=lag.pending,
            dead_letters=lag.parked,
            drift=[
                Drifted(psp_id=drift.psp_id, merchant_id=drift.merchant_id, in_source=drift.in_source)
                for drift in reconcile.find_drift()
            ],
        )


class RunSyncEndpoint(Endpoint):
    """Copying by hand what should have been copied."""

    db = db
    callers = frozenset({"service"})

    @operation(
        "sync.run",
        summary="Copy one merchant, or all that drifted, now",
        body=RunSync,
        response=SyncRun,
        errors=(404,),
    )
    def post(self, request: Request, body: RunSync) -> SyncRun:
        if body.merchant_id is None:
            return SyncRun(synced_merchants=reconcile.repair_drift(now=self.now))
        psp_id = portal.find_psp_of_merchant(merchant_id=body.merchant_id)
        if psp_id is None:
            raise NotFound
        mirror.copy_merchant(psp_id=psp_id, merchant_id=body.merchant_id, now=self.now)
        return SyncRun(synced_merchants=1)
