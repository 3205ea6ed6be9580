"""URLs of sync, under /v1."""

from django.urls import path

from mpac.sync.rest import mirror

urlpatterns = [
    path("sync/status", mirror.SyncStatusEndpoint.as_view()),
    path("sync/run", mirror.RunSyncEndpoint.as_view()),
]
