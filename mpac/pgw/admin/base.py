"""What all pages of the gateway share."""

from kernel.admin import ConsoleAdmin, PlatformAdmin
from mpac.pgw.db import db

WHERE = ("psp_id", "merchant_id", "store_id")


class GatewayAdmin(ConsoleAdmin):
    """Pages of the gateway's tenant tables."""

    db = db


class GatewayPlatformAdmin(PlatformAdmin):
    """Pages of the gateway's tables that belong to no tenant."""

    db = db
