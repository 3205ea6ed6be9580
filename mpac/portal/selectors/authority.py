"""What a person may do now, read from the memberships they hold."""

from dataclasses import dataclass

from kernel.principal import PLATFORM
from kernel.tenancy import SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.authority import Authority
from mpac.portal.domain.roles import Role
from mpac.portal.models import Membership

SCOPE = SystemScope("authentication")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person's token acts, and what it may do there: the tenant claims and the scope of an access token."""

    psp_id: int | None = None
    merchant_id: int | None = None
    store_ids: tuple[int, ...] | None = None
    scopes: frozenset[str] = frozenset()


def get_authority(*, user_id: int) -> Authority:
    """All that a person holds, at places that do business; nothing for who is deactivated or unknown."""
    return Authority(tuple(held.as_grant() for held in list_held(user_id=user_id)))


def list_held(*, user_id: int) -> list[Membership]:
    """An active person's memberships whose place, and all above it, is active; the oldest first."""
    with atomic(SCOPE):
        held = Membership.objects.filter(user_id=user_id, user__is_active=True).select_related("custom_role")
        return [each for each in held.order_by("id") if each.does_business()]


def find_standing(*, user_id: int, membership_id: int | None = None) -> Standing:
    """What a token issued now says of its person, who acts by one membership: the named one, or the first.

    Other memberships add what they allow at that place, and stores of the same merchant where no less is held. Run it in
    the transaction that issues the token: it holds the person's row, so that whoever withdraws a role waits, and refuses
    the token that is issued meanwhile.
    """
    with atomic(SCOPE):
        db.execute("SELECT 1 FROM users WHERE id = %s FOR SHARE", [user_id])
        held = list_held(user_id=user_id)
        if any(each.role == Role.PLATFORM_OPERATOR for each in held):
            return Standing(scopes=frozenset({PLATFORM}))
        chosen = next((each for each in held if membership_id in (None, each.pk)), None)
        if chosen is None:
            return Standing()
        authority = Authority(tuple(each.as_grant() for each in held))
        scopes = authority.held_at(chosen.place)
        return Standing(chosen.psp_id, chosen.merchant_id, _stores(chosen, held, authority, scopes), scopes)


def _stores(
    chosen: Membership, held: list[Membership], authority: Authority, scopes: frozenset[str]
) -> tuple[int, ...] | None:
    if chosen.store_id is None:
        return None
    beside = [each for each in held if each.merchant_id == chosen.merchant_id]
    stores = {each.store_id for each in beside if authority.allows(scopes, each.place)}
    return tuple(sorted(store_id for store_id in stores if store_id is not None))
