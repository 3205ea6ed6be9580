"""Every URL of the platform: the API under /v1, the console, and the pages for operations."""

from django.contrib import admin
from django.urls import include, path

from config import docs
from kernel import health
from kernel.admin import refusals
from kernel.rest import paths, problems

paths.register()

urlpatterns = [
    path("", include("mpac.portal.rest.root_urls")),
    path("v1/", include("mpac.portal.rest.urls")),
    path("v1/", include("mpac.smarttab.rest.urls")),
    path("v1/", include("mpac.pgw.rest.urls")),
    path("v1/", include("mpac.sync.rest.urls")),
    path("v1/", include("mpac.audit.rest.urls")),
    path("v1/openapi.json", docs.openapi),
    path("v1/docs", docs.reference),
    path("admin/account/", include("mpac.portal.admin.account_urls")),
    path("admin/", admin.site.urls),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]

handler400 = problems.bad_request
handler403 = refusals.forbidden
handler404 = refusals.page_not_found
handler500 = refusals.server_error
