"""What a person has to sign in with, and what their roles demand."""

from collections.abc import Sequence

from mpac.portal.domain.login import Method
from mpac.portal.domain.permissions import PERMISSIONS
from mpac.portal.domain.roles import Role
from mpac.portal.domain.second_factors import Demand, Held, Part, Policy, demand, suffices
from mpac.portal.models import Authenticator, LoginPolicy, Membership, RecoveryCode


def get_demand(*, user_id: int, memberships: Sequence[Membership]) -> Demand:
    """Which second factor a person with these memberships has to show, in the scope of the open transaction."""
    held = Held(
        authenticators=Authenticator.objects.filter(user_id=user_id, confirmed=True).count(),
        recovery_codes=RecoveryCode.objects.filter(user_id=user_id, used_at__isnull=True).count(),
    )
    return demand(_parts(memberships), held=held)


def has_shown_enough(*, method: str, memberships: Sequence[Membership]) -> bool:
    """Whether a session that began with this second factor, or with none, is enough for what its person holds now."""
    return suffices(_parts(memberships), method=Method(method) if method else None)


def _parts(memberships: Sequence[Membership]) -> list[Part]:
    policies = find_policies({each.psp_id for each in memberships if each.psp_id is not None})
    return [
        Part(
            role=Role(each.role),
            policy=policies.get(each.psp_id or 0, Policy()),
            delicate=any(PERMISSIONS[name].delicate for name in each.permissions if name in PERMISSIONS),
        )
        for each in memberships
    ]


def find_policies(psp_ids: set[int]) -> dict[int, Policy]:
    """The policies of providers that have one of their own."""
    return {
        row.psp_id: Policy(
            required_roles=frozenset(Role(role) for role in row.required_roles), email_codes=row.email_codes
        )
        for row in LoginPolicy.objects.filter(psp_id__in=psp_ids)
    }
