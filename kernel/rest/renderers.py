"""JSON for the few places that go through Django REST framework's own rendering."""

from typing import Any

from rest_framework.renderers import BaseRenderer

from kernel.rest.body import encode


class JSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else encode(data)
