"""Rate limits of one request: the caller's partner and merchant, the address of anonymous callers, and the platform.

The smallest remaining limit speaks in the `RateLimit` headers of every answer.
"""

from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from kernel import ratelimit
from kernel.addresses import client_address, network_of
from kernel.errors import RateLimited
from kernel.principal import Principal
from kernel.ratelimit import Decision, Limit


class Limits:
    """The limits that one request counts against, and what they said."""

    def __init__(self) -> None:
        self.decision: Decision | None = None

    def check(self, principal: Principal | None, request: HttpRequest) -> None:
        """Count this request. Raises RateLimited."""
        self._count(limits_of(principal, client_address(request)))

    def check_stranger(self, request: HttpRequest) -> None:
        """Count a request whose credentials are not good against its sender alone. Raises RateLimited."""
        self._count([_of_sender(client_address(request))])

    def _count(self, limits: Sequence[Limit]) -> None:
        self.decision = ratelimit.check(limits)
        if not self.decision.allowed:
            raise RateLimited(retry_after_s=self.decision.retry_after_s)

    def annotate(self, response: HttpResponse) -> None:
        """Put the headers on an answer."""
        if self.decision is not None:
            for name, value in self.decision.headers().items():
                response[name] = value


def limits_of(principal: Principal | None, address: str) -> Sequence[Limit]:
    """The limits that apply to a caller, per minute."""
    rates = settings.MPAC_RATE_LIMITS
    limits = [Limit("global", "all", rates["global"])]
    if principal is None:
        limits.append(_of_sender(address))
    elif principal.kind == "partner":
        limits.append(
            Limit("partner", str(principal.psp_id), principal.rate_limit_per_minute or rates["partner"])
        )
    elif principal.merchant_id is not None:
        limits.append(Limit("merchant", str(principal.merchant_id), rates["merchant"]))
    return limits


def _of_sender(address: str) -> Limit:
    return Limit("address", network_of(address), settings.MPAC_RATE_LIMITS["address"])
