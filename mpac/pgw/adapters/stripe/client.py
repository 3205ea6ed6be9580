"""Calls to Stripe: its key, its pinned version, its errors; lists are read page by page within one deadline."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2

from mpac.pgw import conf
from mpac.pgw.adapters.forms import FORM, encode_form
from mpac.pgw.adapters.http import NOT_CONFIGURED, Failure, HttpClient, Reply, read_object
from mpac.pgw.adapters.port import ChargeRequest

API_VERSION = "2026-10-28.endive"
PAGE = 100
# A store does not make more charges around one; beyond this the answer is doubt, not "none".
MAX_PAGES = 5


class StripeClient:
    """Stripe's API for any number of accounts. Safe to share between threads and across forks."""

    def __init__(self, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = HttpClient(transport=transport)

    def open(self, request: ChargeRequest) -> "StripeCalls":
        """The calls that belong to one request, all of them within its time."""
        return StripeCalls(self._http, request)


class StripeCalls:
    """Calls with one account's key, sharing one deadline."""

    def __init__(self, http: HttpClient, request: ChargeRequest) -> None:
        self._http, self._key = http, request.account.credentials["secret_key"]
        self._deadline = time.monotonic() + (request.timeout_s or conf.provider_timeout_s())

    def post(self, path: str, fields: Mapping[str, Any], *, key: str | None = None) -> Reply | Failure:
        """Change something; `key` makes the same call again harmless."""
        headers = {"content-type": FORM} | ({"idempotency-key": key} if key else {})
        return self._send("POST", path, headers=headers, content=encode_form(fields))

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply | Failure:
        """Read something."""
        return self._send("GET", path, headers={}, params=params)

    def pages(self, path: str, params: Mapping[str, str]) -> Iterator[list[dict[str, Any]] | Failure]:
        """The pages of a list, newest first; the last thing that comes is a failure when not all could be read."""
        asked = {**params, "limit": str(PAGE)}
        for _ in range(MAX_PAGES):
            reply = self.get(path, asked)
            if isinstance(reply, Failure):
                yield reply
                return
            members = reply.data.get("data")
            if not reply.is_success or not isinstance(members, list) or not _are_objects(members):
                yield Failure("unclear", f"stripe_{reply.status}", "The list cannot be read.")
                return
            yield members
            if not reply.data.get("has_more") or not members:
                return
            asked["starting_after"] = str(members[-1].get("id"))
        yield Failure("unclear", "too_many", "There are too many objects to find one among them.")

    def _send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Reply | Failure:
        base = conf.provider_base_url("stripe")
        if not base:
            return NOT_CONFIGURED
        answer = self._http.send(
            method,
            base + path,
            headers={"authorization": f"Bearer {self._key}", "stripe-version": API_VERSION, **headers},
            timeout_s=max(self._deadline - time.monotonic(), 0.001),
            params=params,
            content=content,
        )
        return read_object(answer)


def _are_objects(members: list[Any]) -> bool:
    return all(isinstance(each, dict) for each in members)
