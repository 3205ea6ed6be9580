"""Invitations: how a person comes to a role."""

from enum import StrEnum

LIFE_DAYS = 7
# Whoever has the link and tries more passwords than this is not the person it was meant for.
MOST_FAILED_TRIES = 10
# A mailbox is not to be filled by somebody who presses a button again and again.
MOST_MAILS = 10
# Nor by somebody who takes each invitation back and makes it again: so many a day of one tenant to one address.
MOST_A_DAY = 10


class InvitationStatus(StrEnum):
    """Where an invitation stands. One that nobody took in time stays pending and is past its time."""

    PENDING = "pending"  # sent, or about to be
    ACCEPTED = "accepted"  # the person has the role
    WITHDRAWN = "withdrawn"  # its link leads nowhere any more


TRANSITIONS: dict[InvitationStatus, frozenset[InvitationStatus]] = {
    InvitationStatus.PENDING: frozenset({InvitationStatus.ACCEPTED, InvitationStatus.WITHDRAWN}),
    InvitationStatus.ACCEPTED: frozenset(),
    InvitationStatus.WITHDRAWN: frozenset(),
}
