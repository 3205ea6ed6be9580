"""Wiring of the portal context."""

from kernel.apps import ContextConfig


class PortalConfig(ContextConfig):
    name = "mpac.portal"
    label = "portal"
