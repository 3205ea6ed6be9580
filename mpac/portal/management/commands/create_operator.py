"""`manage.py create_operator EMAIL`: a platform operator who can sign in to the console."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kernel import clock
from kernel.errors import DomainError
from mpac.portal.services.people import admit_operator


class Command(BaseCommand):
    """The first person of a platform, and the way back in for one who lost password or second factor."""

    help = "Make a platform operator and print the password and the second factor's secret, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="", help="full name")
        parser.add_argument(
            "--reset", action="store_true", help="the person exists: new password, new second factor"
        )

    def handle(self, *_args: Any, email: str, name: str, reset: bool, **_options: Any) -> None:
        password = secrets.token_urlsafe(18)
        try:
            operator = admit_operator(
                email=email, password=password, full_name=name, reset=reset, now=clock.now()
            )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"e-mail         {email}")
        self.stdout.write(f"password       {password}")
        self.stdout.write(f"second factor  {operator.base32_secret}")
        self.stdout.write("Hand these over safely; they are not shown again. The console is at /admin/.")
