"""Smarttab's WebSocket addresses."""

from django.urls import path

from mpac.smarttab.ws.consumer import TerminalConsumer

websocket_urlpatterns = [path("ws/v1/terminal", TerminalConsumer.as_asgi())]
