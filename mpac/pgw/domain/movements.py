"""Which way money moved."""

from enum import StrEnum


class MovementKind(StrEnum):
    """Which way money moved; some providers give a payment and its refund the same reference."""

    PAYMENT = "payment"
    REFUND = "refund"
