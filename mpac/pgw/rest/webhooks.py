"""Notices from providers over HTTP. Anybody can call this, so nothing is believed here; see `services.inbound`."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpResponse

from kernel.addresses import client_address, network_of
from kernel.errors import NotFound
from kernel.ratelimit import Limit
from kernel.rest import Endpoint, Request, operation
from mpac.pgw import conf
from mpac.pgw.db import db
from mpac.pgw.services.inbound import Delivery, receive_webhook

MAX_NAME = 64


class WebhookEndpoint(Endpoint):
    """What both addresses of notices share."""

    callers = frozenset()
    db = db

    def limits_of_strangers(self, address: str) -> Sequence[Limit]:
        """By account first: a provider sends for all its merchants from the same addresses, and one of them must not
        use up what the others' notices need.
        """
        rates, account = settings.MPAC_RATE_LIMITS, self.kwargs.get("account", "")
        provider = str(self.kwargs["provider"])[:MAX_NAME]
        sender = f"{provider}/{network_of(address)}"
        limits = [
            Limit("notices_address", sender, rates["notices_address"]),
            Limit("notices", "all", rates["notices"]),
        ]
        if account:
            limits.insert(
                0, Limit("notices_account", f"{provider}/{account[:MAX_NAME]}", rates["notices_account"])
            )
        return limits

    def receive(self, request: Request, *, provider: str, account: str) -> HttpResponse:
        """Keep the raw bytes before anything else, and answer exactly what the provider expects."""
        if max(len(provider), len(account)) > MAX_NAME or not account.isprintable():
            raise NotFound
        delivery = Delivery(
            provider=provider,
            account=account,
            headers=dict(request._request.headers),
            body=self.raw_body,
            remote_address=client_address(request._request),
        )
        answer = receive_webhook(delivery=delivery, now=self.now)
        if isinstance(answer, str):
            return HttpResponse(answer, content_type="text/plain")
        return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


class ProviderWebhookEndpoint(WebhookEndpoint):
    """Notices that name nothing but their provider."""

    @operation(
        "webhooks.receive",
        summary="Receive a notice from a payment provider",
        response=dict[str, Any],
        max_body_bytes=conf.MAX_WEBHOOK_BYTES,
        raw=True,
    )
    def post(self, request: Request, provider: str) -> HttpResponse:
        return self.receive(request, provider=provider, account="")


class AccountWebhookEndpoint(WebhookEndpoint):
    """Notices for one account at a provider."""

    @operation(
        "webhooks.receive_for_account",
        summary="Receive a notice from a payment provider for one account",
        response=dict[str, Any],
        max_body_bytes=conf.MAX_WEBHOOK_BYTES,
        raw=True,
    )
    def post(self, request: Request, provider: str, account: str) -> HttpResponse:
        return self.receive(request, provider=provider, account=account)
