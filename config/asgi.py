"""The ASGI entrance of the realtime process: terminals' WebSockets and the health pages."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django_application = get_asgi_application()

from mpac.smarttab.ws.routing import websocket_urlpatterns  # noqa: E402  (needs the loaded applications)

application = ProtocolTypeRouter({"http": django_application, "websocket": URLRouter(websocket_urlpatterns)})
