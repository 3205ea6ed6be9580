"""The last line of "one key, one effect": the business row keeps the key for ever."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError

from mpac.smarttab.errors import IdempotencyKeySpent

_CONSTRAINTS = ("order_key_once", "bill_key_once", "payment_key_once")


@contextmanager
def one_effect_per_key() -> Iterator[None]:
    """Turn a second use of a key, long after its stored answer is gone, into IdempotencyKeySpent."""
    try:
        yield
    except IntegrityError as error:
        if any(name in str(error) for name in _CONSTRAINTS):
            raise IdempotencyKeySpent from error
        raise
