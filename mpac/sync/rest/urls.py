"""URLs of sync, under /v1."""

from django.urls import path

from mpac.sync.rest.views import RunView, StatusView

urlpatterns = [
    path("sync/status", StatusView.as_view()),
    path("sync/run", RunView.as_view()),
]
