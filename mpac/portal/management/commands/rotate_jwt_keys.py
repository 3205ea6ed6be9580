"""`manage.py rotate_jwt_keys`: a new signing key for access tokens, without refusing a valid one."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from kernel import clock
from mpac.portal import conf
from mpac.portal.services.signing_keys import (
    Rotation,
    advance_rotation,
    ensure_signing_key,
    publish_next_key,
    retire_key_now,
)


class Command(BaseCommand):
    """Publishes the next key and takes what steps are due. The scheduled job takes the others when their time comes."""

    help = (
        "Begin a rotation of the token-signing keys, or take its next due step. The next key is published first, signs "
        "when every cache has it, and its predecessor verifies until its last token has expired."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--wait", action="store_true", help="stay until the new key signs")
        trust_no_more = "trust this key no more, at once: it has leaked (write --revoke=KID, for a kid may begin with a dash)"
        parser.add_argument("--revoke", metavar="KID", help=trust_no_more)

    def handle(self, *_args: Any, wait: bool, revoke: str | None, **_options: Any) -> None:
        ensure_signing_key(now=clock.now())
        if revoke:
            retire_key_now(kid=revoke, now=clock.now())
            self.stdout.write(f"{revoke} is retired; tokens that it signed are refused within seconds")
            return
        self._tell(advance_rotation(now=clock.now()))
        published = publish_next_key(now=clock.now())
        self._tell(published)
        while wait and published:
            time.sleep(1)
            step = advance_rotation(now=clock.now())
            self._tell(step)
            if step.activated == published.published:
                return

    def _tell(self, rotation: Rotation) -> None:
        for kid in rotation.retired:
            self.stdout.write(f"{kid} retired")
        if rotation.activated:
            self.stdout.write(f"{rotation.activated} signs now")
        if rotation.published:
            self.stdout.write(f"{rotation.published} published; it signs in {conf.KEY_SET_MAX_AGE_S} s")
