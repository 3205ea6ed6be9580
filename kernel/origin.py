"""Who acts just now, as whom, and from where: entrances say it, records of the audit trail repeat it."""

import os
import pwd
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from django.http import HttpRequest

from kernel.addresses import client_address
from kernel.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who acts, as whom, and from where. `acting_as` is the person whom the actor impersonates."""

    kind: str
    id: str
    acting_as: str = ""
    address: str = ""
    user_agent: str = ""


PLATFORM = Origin(kind="system", id="platform")

_origin: ContextVar[Origin] = ContextVar("mpac_origin", default=PLATFORM)


def origin() -> Origin:
    """Who acts just now; the platform itself where no entrance has said otherwise."""
    return _origin.get()


@contextmanager
def from_origin(found: Origin) -> Iterator[None]:
    """Within the block, records name `found`."""
    token = _origin.set(found)
    try:
        yield
    finally:
        _origin.reset(token)


@contextmanager
def acting(kind: str, actor_id: str, *, acting_as: str = "") -> Iterator[None]:
    """Within the block, records name this actor, at the address that is known already."""
    with from_origin(replace(origin(), kind=kind, id=actor_id, acting_as=acting_as)):
        yield


@contextmanager
def acting_for(principal: Principal | None) -> Iterator[None]:
    """Within the block, records name the caller, and whom an impersonating caller acts as."""
    if principal is None:
        yield
        return
    impersonates = bool(principal.actor)
    with acting(
        principal.kind,
        principal.actor or principal.subject,
        acting_as=principal.subject if impersonates else "",
    ):
        yield


def by_itself(name: str) -> Origin:
    """The origin of what the platform does by itself: a job, or a reaction to an event."""
    return Origin(kind="system", id=name)


def of_request(request: HttpRequest) -> Origin:
    """The origin of a request whose sender is not known yet."""
    agent = request.META.get("HTTP_USER_AGENT", "")
    return Origin(kind="anonymous", id="", address=client_address(request), user_agent=agent)


def of_command(arguments: Sequence[str]) -> Origin:
    """The origin of a command line: the account and machine that it runs on. Its values may be secret, its name is not."""
    try:
        account = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # containers often run as a number without a name
        account = str(os.getuid())
    name = " ".join(["manage.py", *arguments[1:2]])
    return Origin(kind="command", id=f"{account}@{socket.gethostname()}", user_agent=name)
