"""What can go wrong, in kinds that an entrance knows how to answer.

    DomainError
    |-- NotFound         404  missing, or another tenant's: the two look the same
    |-- Forbidden        403  known caller, not theirs to do
    |-- Conflict         409  not in the present state (`allowed` names what would be)
    |-- Invalid          400  malformed or out of range (`errors` names the fields)
    |-- Unavailable      503  not now, try again (`retry_after_s`)
    |-- Unauthenticated  401  no caller, or none that we can believe
    `-- RateLimited      429  too often (`retry_after_s`)

A context declares its own errors as subclasses of the first five; the subclass's docstring is its message and
its `code` is a stable word for programs. Messages never quote secrets or another tenant's data.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused field of a request: where, a stable code, and a sentence for people."""

    field: str
    code: str
    message: str


class DomainError(Exception):
    """Something went wrong."""

    kind: ClassVar[str] = "error"
    code: str = "error"

    def __init__(self, message: str | None = None, *, code: str | None = None, **extra: Any) -> None:
        self.message = message or _first_paragraph(type(self))
        if code is not None:
            self.code = code
        self.extra = extra
        super().__init__(self.message)


class NotFound(DomainError):
    """No such object."""

    kind = "not_found"
    code = "not_found"


class Forbidden(DomainError):
    """This caller may not do that."""

    kind = "forbidden"
    code = "forbidden"


class ScopeMissing(Forbidden):
    """The credential does not carry the scope that this needs."""

    code = "insufficient_scope"


class Conflict(DomainError):
    """The object's present state does not allow that."""

    kind = "conflict"
    code = "conflict"

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        allowed: Sequence[str] | None = None,
        **extra: Any,
    ) -> None:
        self.allowed = None if allowed is None else sorted(allowed)
        super().__init__(message, code=code, **extra)


class Invalid(DomainError):
    """The request is not valid."""

    kind = "invalid"
    code = "invalid"

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        **extra: Any,
    ) -> None:
        self.errors = tuple(errors)
        super().__init__(message, code=code, **extra)


class _RetryLater(DomainError):
    """Not now; try again."""

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        retry_after_s: int = 1,
        **extra: Any,
    ) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message, code=code, **extra)


class Unavailable(_RetryLater):
    """The service cannot do that just now; try again."""

    kind = "unavailable"
    code = "unavailable"


class RateLimited(_RetryLater):
    """Too many requests; slow down."""

    kind = "rate_limited"
    code = "rate_limited"


class Unauthenticated(DomainError):
    """Valid credentials are required."""

    kind = "unauthenticated"
    code = "unauthenticated"


def _first_paragraph(cls: type) -> str:
    doc = inspect.cleandoc(cls.__doc__ or cls.__name__)
    return " ".join(doc.split("\n\n")[0].split())
