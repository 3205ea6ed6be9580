"""Calls to Adyen's Checkout API: the account's key, our idempotency key, JSON both ways."""

from collections.abc import Mapping
from typing import Any

import httpx2
import msgspec

from mpac.pgw import conf
from mpac.pgw.adapters.http import NOT_CONFIGURED, Failure, HttpClient, Reply, read_object
from mpac.pgw.adapters.port import ChargeRequest

VERSION = "/v72"


class AdyenClient:
    """Adyen's API for any number of accounts. Safe to share between threads and across forks."""

    def __init__(self, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = HttpClient(transport=transport)

    def post(
        self, path: str, fields: Mapping[str, Any], *, request: ChargeRequest, key: str
    ) -> Reply | Failure:
        """Change something, once under `key`."""
        base = conf.provider_base_url("adyen")
        if not base:
            return NOT_CONFIGURED
        answer = self._http.send(
            "POST",
            base + VERSION + path,
            headers={
                "content-type": "application/json",
                "idempotency-key": key,
                "x-api-key": request.account.credentials["api_key"],
            },
            timeout_s=request.timeout_s or conf.provider_timeout_s(),
            content=msgspec.json.encode(fields),
        )
        return read_object(answer)
