"""`manage.py copy_merchant PSP_ID MERCHANT_ID`: the gateway learns of a merchant now, not when its turn comes."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kernel import clock
from kernel.errors import NotFound
from kernel.tenancy import TenantScope
from mpac.pgw import api as pgw
from mpac.sync.services.mirror import copy_merchant


class Command(BaseCommand):
    """Running it again changes nothing."""

    help = (
        "Copy a merchant into the gateway's mirror, and print, by store and provider, the addresses that the "
        "providers' notices have to go to."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("psp_id", type=int)
        parser.add_argument("merchant_id", type=int)

    def handle(self, *_args: Any, psp_id: int, merchant_id: int, **_options: Any) -> str:
        try:
            copy_merchant(psp_id=psp_id, merchant_id=merchant_id, now=clock.now())
        except NotFound as error:
            raise CommandError(error.message) from None
        return json.dumps(pgw.notice_urls(scope=TenantScope(psp_id, merchant_id)), indent=2)
