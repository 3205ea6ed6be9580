"""`manage.py issue_api_key PSP_ID --mode test|live`: one more key for a provider's server."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kernel import clock
from kernel.errors import DomainError
from kernel.tenancy import SystemScope
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.domain.permissions import KEY_SCOPES, USUAL_KEY_SCOPES
from mpac.portal.services.api_keys import issue_api_key


class Command(BaseCommand):
    help = "Issue an API key to a provider and print it, once. Its other keys stay valid."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("psp_id", type=int)
        parser.add_argument("--mode", choices=[mode.value for mode in ApiKeyMode], required=True)
        parser.add_argument("--name", default="server", help="what the key is for")
        parser.add_argument(
            "--scope",
            action="append",
            choices=KEY_SCOPES,
            help=f"may be repeated; default: {', '.join(USUAL_KEY_SCOPES)}",
        )

    def handle(
        self, *_args: Any, psp_id: int, mode: str, name: str, scope: list[str] | None, **_options: Any
    ) -> None:
        try:
            issued = issue_api_key(
                scope=SystemScope("administration"),
                psp_id=psp_id,
                name=name,
                mode=ApiKeyMode(mode),
                scopes=scope or USUAL_KEY_SCOPES,
                now=clock.now(),
            )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{issued.api_key.public_id}  {issued.secret}")
        self.stdout.write(
            f"It is not shown again. To withdraw it: manage.py revoke_api_key {issued.api_key.public_id}"
        )
