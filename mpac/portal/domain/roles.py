"""What a person may be to a tenant. Permissions hang on roles; a membership says where the role holds."""

from enum import StrEnum


class Role(StrEnum):
    """A person's part, from the whole platform down to one till."""

    PLATFORM_OPERATOR = "platform_operator"  # runs the platform; sees all tenants
    PSP_ADMIN = "psp_admin"  # a payment service provider and everything below it
    MERCHANT_ADMIN = "merchant_admin"  # one merchant and its stores
    STORE_MANAGER = "store_manager"  # one store
    CASHIER = "cashier"  # sells at one store; no console
    AUDITOR = "auditor"  # reads, wherever the membership says
    CUSTOM = "custom"  # what a provider made of named permissions, wherever the membership says


# How far down a membership of each role must be pinned: (psp, merchant, store).
REQUIRED_LEVELS: dict[Role, tuple[bool, bool, bool]] = {
    Role.PLATFORM_OPERATOR: (False, False, False),
    Role.PSP_ADMIN: (True, False, False),
    Role.MERCHANT_ADMIN: (True, True, False),
    Role.STORE_MANAGER: (True, True, True),
    Role.CASHIER: (True, True, True),
}

# Roles that may be pinned to any level below the platform.
ANYWHERE = frozenset({Role.AUDITOR, Role.CUSTOM})


def fits(role: Role, *, psp_id: int | None, merchant_id: int | None, store_id: int | None) -> bool:
    """Whether a membership of `role` may be pinned to these levels; some may be pinned anywhere below a PSP."""
    levels = (psp_id is not None, merchant_id is not None, store_id is not None)
    if role in ANYWHERE:
        return levels in {(True, False, False), (True, True, False), (True, True, True)}
    return levels == REQUIRED_LEVELS[role]
