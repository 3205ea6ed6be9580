"""Calls to Omise: its key, its pinned version, its error objects; lists are read page by page within one deadline."""

import base64
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2

from mpac.pgw import conf
from mpac.pgw.adapters.forms import FORM, encode_form
from mpac.pgw.adapters.http import NOT_CONFIGURED, Failure, HttpClient, Reply, read_object
from mpac.pgw.adapters.port import ChargeRequest

API_VERSION = "2019-05-29"
PAGE = 100
# A store does not make more charges around one; beyond this the answer is doubt, not "none".
MAX_PAGES = 5


class OmiseClient:
    """Omise's API for any number of accounts. Safe to share between threads and across forks."""

    def __init__(self, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._http = HttpClient(transport=transport)

    def open(self, request: ChargeRequest) -> "OmiseCalls":
        """The calls that belong to one request, all of them within its time."""
        return OmiseCalls(self._http, request)


class OmiseCalls:
    """Calls with one account's key, sharing one deadline."""

    def __init__(self, http: HttpClient, request: ChargeRequest) -> None:
        key = request.account.credentials["secret_key"]
        self._http = http
        self._authorization = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
        self._deadline = time.monotonic() + (request.timeout_s or conf.provider_timeout_s())

    def post(self, path: str, fields: Mapping[str, Any], *, key: str | None = None) -> Reply | Failure:
        """Change something; `key` makes the same call again harmless."""
        headers = {"content-type": FORM} | ({"idempotency-key": key} if key else {})
        return self._send("POST", path, headers=headers, content=encode_form(fields))

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply | Failure:
        """Read something."""
        return self._send("GET", path, headers={}, params=params)

    def pages(self, path: str, params: Mapping[str, str]) -> Iterator[list[dict[str, Any]] | Failure]:
        """The pages of a list; the last thing that comes is a failure when not all could be read."""
        for number in range(MAX_PAGES):
            offset = number * PAGE
            reply = self.get(path, {**params, "limit": str(PAGE), "offset": str(offset)})
            if isinstance(reply, Failure):
                yield reply
                return
            members, total = reply.data.get("data"), reply.data.get("total")
            readable = reply.is_success and isinstance(members, list) and isinstance(total, int)
            if not readable or not all(isinstance(each, dict) for each in members or ()):
                yield Failure("unclear", f"omise_{reply.status}", "The list cannot be read.")
                return
            yield members or []
            if not isinstance(total, int) or offset + PAGE >= total:
                return
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
        base = conf.provider_base_url("omise")
        if not base:
            return NOT_CONFIGURED
        answer = self._http.send(
            method,
            base + path,
            headers={"authorization": self._authorization, "omise-version": API_VERSION, **headers},
            timeout_s=max(self._deadline - time.monotonic(), 0.001),
            params=params,
            content=content,
        )
        return read_object(answer)
