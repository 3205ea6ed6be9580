"""`manage.py create_psp CODE NAME`: a payment service provider, the tenant of everything below it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kernel import clock
from kernel.errors import DomainError
from kernel.tenancy import SystemScope
from mpac.portal.dto import Profile
from mpac.portal.services.hierarchy import create_psp


class Command(BaseCommand):
    help = "Sign up a payment service provider and print its id."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code")
        parser.add_argument("name")
        parser.add_argument("--country", required=True, help="ISO 3166 code, such as TH")
        parser.add_argument("--currency", required=True, help="ISO 4217 code, such as THB")
        parser.add_argument("--time-zone", required=True, help="such as Asia/Bangkok")
        parser.add_argument("--requests-a-minute", type=int, default=100)

    def handle(self, *_args: Any, **options: Any) -> None:
        profile = Profile(
            code=options["code"],
            name=options["name"],
            country=options["country"],
            currency=options["currency"],
            time_zone=options["time_zone"],
        )
        try:
            psp = create_psp(
                scope=SystemScope("administration"),
                profile=profile,
                rate_limit_per_minute=options["requests_a_minute"],
                now=clock.now(),
            )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"PSP {psp.id} {psp.code}. Next: manage.py issue_api_key {psp.id} --mode test")
