"""What all of portal's pages share."""

from kernel.admin import ConsoleAdmin, PlatformAdmin
from mpac.portal.db import db

WHERE = ("psp_id", "merchant_id", "store_id")


class PortalAdmin(ConsoleAdmin):
    """Pages of portal's tenant tables."""

    db = db


class PortalPlatformAdmin(PlatformAdmin):
    """Pages of portal's tables that only the platform's operators see."""

    db = db
