"""Rate limits of one request: the caller's partner, the merchant it is about, the address of strangers, and the platform.

A terminal's merchant is known from its token; a partner's request names one, in its body or query, or as the merchant of
the object that it addresses. Merchants count within their PSP, so that naming somebody else's uses nothing up there.

No provider (PSP) may use up what all of them share, nor may strangers together, nor providers' notices: each has a part of
the platform's limit. What is refused by one limit counts against none.

The smallest remaining limit speaks in the `RateLimit` headers of every answer.
"""

from collections.abc import Callable, Sequence

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from kernel import ratelimit
from kernel.addresses import client_address, network_of
from kernel.errors import RateLimited
from kernel.principal import Principal
from kernel.ratelimit import Decision, Limit


class Limits:
    """The limits that one request counts against, and what they said."""

    def __init__(self) -> None:
        self.decision: Decision | None = None

    def check(
        self,
        principal: Principal | None,
        request: HttpRequest,
        *,
        of_strangers: Callable[[str], Sequence[Limit]] | None = None,
    ) -> None:
        """Count this request; `of_strangers` gives an address's limits where they are not the usual ones.

        Raises RateLimited.
        """
        address = client_address(request)
        if principal is None and of_strangers is not None:
            self._count([*of_strangers(address), _of_all()])
        else:
            self._count(limits_of(principal, address))

    def check_stranger(self, request: HttpRequest) -> None:
        """Count a request whose credentials are not good against its sender alone. Raises RateLimited."""
        self._count([_of_sender(client_address(request))])

    def check_merchant(self, principal: Principal | None, merchant_id: int | None) -> None:
        """Count a partner's request against the merchant that it turns out to be about. Raises RateLimited."""
        if principal is not None and principal.kind == "partner" and merchant_id is not None:
            self._count([_of_merchant(principal.psp_id, merchant_id)])

    def _count(self, limits: Sequence[Limit]) -> None:
        decision = ratelimit.check(limits)
        if self.decision is None or not decision.allowed or decision.remaining < self.decision.remaining:
            self.decision = decision
        if not decision.allowed:
            raise RateLimited(retry_after_s=decision.retry_after_s)

    def annotate(self, response: HttpResponseBase) -> None:
        """Put the headers on an answer."""
        if self.decision is not None:
            for name, value in self.decision.headers().items():
                response[name] = value


def limits_of(principal: Principal | None, address: str) -> Sequence[Limit]:
    """The limits that apply to a caller, per minute."""
    rates = settings.MPAC_RATE_LIMITS
    limits = [_of_all()]
    if principal is None:
        return [_of_sender(address), Limit("strangers", "all", rates["strangers"]), *limits]
    if principal.psp_id is not None:
        limits.append(Limit("tenant", str(principal.psp_id), rates["tenant"]))
    if principal.kind == "partner":
        limits.append(
            Limit("partner", str(principal.psp_id), principal.rate_limit_per_minute or rates["partner"])
        )
    elif principal.merchant_id is not None:
        limits.append(_of_merchant(principal.psp_id, principal.merchant_id))
        if principal.kind == "intent":  # one customer's page must not use up the merchant's limit
            limits.append(Limit("page", principal.subject, rates["page"]))
    return limits


def _of_all() -> Limit:
    return Limit("global", "all", settings.MPAC_RATE_LIMITS["global"])


def _of_merchant(psp_id: int | None, merchant_id: int) -> Limit:
    return Limit("merchant", f"{psp_id}/{merchant_id}", settings.MPAC_RATE_LIMITS["merchant"])


def _of_sender(address: str) -> Limit:
    return Limit("address", network_of(address), settings.MPAC_RATE_LIMITS["address"])
