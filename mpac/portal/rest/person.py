"""The person behind a request, as services ask for them."""

from kernel.errors import Unauthenticated
from kernel.principal import Principal
from mpac.portal.domain.authority import Person, authority_of
from mpac.portal.selectors.people import find_active_user


def person_of(principal: Principal) -> Person:
    """Who calls, and what their token allows. Raises Unauthenticated when their account has ended meanwhile."""
    user = find_active_user(user_id=principal.user_id)
    if user is None:
        raise Unauthenticated
    return Person(
        user.pk,
        authority_of(principal),
        impersonates=bool(principal.actor),
        session_id=principal.session_id,
    )
