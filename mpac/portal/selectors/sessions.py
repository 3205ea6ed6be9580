"""Reading a person's own sessions and second factors."""

import datetime as dt

from django.db.models import QuerySet

from kernel.tenancy import Scope
from mpac.portal.db import atomic
from mpac.portal.models import Authenticator, LoginPolicy, Session
from mpac.portal.selectors.hierarchy import get_psp


def list_sessions(*, user_id: int, now: dt.datetime) -> "QuerySet[Session]":
    """A person's open sessions, in the scope of the open transaction."""
    found: QuerySet[Session] = Session.objects.filter(
        user_id=user_id, ended_at__isnull=True, expires_at__gt=now
    )
    return found


def list_authenticators(*, user_id: int) -> "QuerySet[Authenticator]":
    """A person's authenticators, in the scope of the open transaction."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(user_id=user_id)
    return found


def find_login_policy(*, scope: Scope, psp_id: int) -> LoginPolicy | None:
    """A provider's own policy, or None where the platform's counts. Raises NotFound when there is no such provider."""
    with atomic(scope):
        psp = get_psp(scope=scope, psp_id=psp_id)
        policy: LoginPolicy | None = LoginPolicy.objects.filter(psp_id=psp.id).first()
    return policy
