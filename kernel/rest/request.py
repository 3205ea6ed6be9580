"""The request as views see it: DRF's, with a caller that is a Principal."""

from typing import TYPE_CHECKING

from rest_framework.request import Request as RestRequest

if TYPE_CHECKING:
    from kernel.principal import Principal


class Request(RestRequest):
    """`user` is the authenticated Principal; None where an operation is open to anyone and nobody is named."""

    if TYPE_CHECKING:
        user: Principal  # type: ignore[assignment]
