"""One call to a partner's webhook endpoint, and what is written down about it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kernel.logs import get_logger
from kernel.outbound import Outbound, OutboundFault
from kernel.scrubbing import REDACTED, scrub_text
from mpac.pgw import conf
from mpac.pgw.domain import partner_webhooks

logger = get_logger(__name__)

USER_AGENT = "MPAC-Webhooks/1"
MAX_KEPT = 4096
KEPT_HEADERS = frozenset(
    {"content-type", "content-length", "retry-after", "server", "date", "location", "x-request-id"}
)
OK = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is sent, and where. The message's id is the event's: however often it is sent, it stays the same."""

    url: str
    secrets: tuple[str, ...] = field(repr=False)
    message_id: str
    body: bytes = field(repr=False)
    timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """How a call went, fit to be kept: cut short, and without signatures, card numbers and secrets."""

    request_headers: Mapping[str, str]
    request_body: str
    status_code: int | None = None
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: str = ""
    error: str = ""
    duration_ms: int = 0
    remote_address: str = ""

    @property
    def delivered(self) -> bool:
        return self.status_code in OK


class PartnerClient:
    """Calls endpoints, guarded against addresses that a partner has no business with. Safe to share between threads."""

    def __init__(self, outbound: Outbound | None = None) -> None:
        self._outbound = outbound or Outbound()

    def send(self, call: Call) -> CallRecord:
        """Make one call. It never raises: whatever goes wrong is the call's record."""
        started = time.monotonic()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            **partner_webhooks.headers(
                call.secrets, message_id=call.message_id, timestamp=call.timestamp, body=call.body
            ),
        }
        sent = CallRecord(
            request_headers={**headers, "webhook-signature": REDACTED}, request_body=_kept(call.body)
        )
        try:
            reply = self._outbound.post(
                call.url,
                headers=headers,
                body=call.body,
                timeout_s=conf.WEBHOOK_TIMEOUT_S,
                max_bytes=conf.MAX_WEBHOOK_ANSWER_BYTES,
                trusted=conf.trusted_webhook_hosts(),
            )
        except OutboundFault as fault:
            return replace(sent, error=fault.code, duration_ms=_since(started))
        except Exception:
            logger.exception("a webhook call broke", message_id=call.message_id)
            return replace(sent, error="internal", duration_ms=_since(started))
        return replace(
            sent,
            status_code=reply.status,
            response_headers={
                name.lower(): scrub_text(value)[:MAX_KEPT]
                for name, value in reply.headers
                if name.lower() in KEPT_HEADERS
            },
            response_body=_kept(reply.body),
            duration_ms=_since(started),
            remote_address=reply.address,
        )


def _kept(body: bytes) -> str:
    """A text that may be stored: PostgreSQL knows no U+0000. Scrubbed before it is cut, so that nothing hides at the cut."""
    return scrub_text(body.decode("utf-8", "replace").replace("\x00", "\ufffd"))[:MAX_KEPT]


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
