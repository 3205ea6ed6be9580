"""What a provider asks of its people when they sign in."""

import datetime as dt

from kernel.audit import record, state
from kernel.tenancy import Scope
from mpac.portal.db import atomic, db
from mpac.portal.domain.roles import Role
from mpac.portal.models import LoginPolicy
from mpac.portal.selectors.hierarchy import get_psp


def set_login_policy(
    *, scope: Scope, psp_id: int, required_roles: frozenset[Role], email_codes: bool, now: dt.datetime
) -> LoginPolicy:
    """Say which roles of a provider need a second factor, and whether a mailed code is one. Raises NotFound.

    It counts from the next sign-in; who is signed in goes on.
    """
    wanted = {"required_roles": sorted(role.value for role in required_roles), "email_codes": email_codes}
    with atomic(scope):
        psp = get_psp(scope=scope, psp_id=psp_id)
        fresh = {**wanted, "created_at": now, "updated_at": now}
        policy: LoginPolicy
        policy, made = LoginPolicy.objects.select_for_update().get_or_create(psp_id=psp.id, defaults=fresh)
        held = state(policy)
        if made:
            record(db, "login_policy.changed", policy, now=now)
        elif any(held[name] != value for name, value in wanted.items()):
            policy.required_roles, policy.email_codes = wanted["required_roles"], email_codes
            policy.updated_at = now
            policy.save()
            record(db, "login_policy.changed", policy, before=held, now=now)
    return policy
