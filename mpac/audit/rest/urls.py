"""Audit's addresses under /v1."""

from django.urls import path

from mpac.audit.rest.events import AuditEventsEndpoint

urlpatterns = [path("audit-events", AuditEventsEndpoint.as_view())]
