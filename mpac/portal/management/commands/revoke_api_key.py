"""`manage.py revoke_api_key KEY_ID`: withdraw a provider's key."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kernel import clock, ids
from kernel.errors import DomainError
from kernel.tenancy import SystemScope
from mpac.portal.models.api_key import PREFIX
from mpac.portal.services.api_keys import revoke_api_key


class Command(BaseCommand):
    help = "Withdraw an API key; it is refused everywhere within three seconds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("api_key_id")

    def handle(self, *_args: Any, api_key_id: str, **_options: Any) -> None:
        try:
            revoked = revoke_api_key(
                scope=SystemScope("administration"),
                api_key_id=ids.decode(PREFIX, api_key_id),
                now=clock.now(),
            )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{revoked.public_id} ({revoked.prefix}…) is withdrawn")
