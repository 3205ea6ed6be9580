"""What the platform counts, in Prometheus terms.

Every process of a machine writes to the same directory when `PROMETHEUS_MULTIPROC_DIR` is set, and any of them can
render the sum; without it a process shows its own figures. Labels are small closed sets: a route is the pattern
that matched, never the path, and no label names a tenant. What lies in the databases is in `kernel.observations`.
"""

from collections.abc import Iterable

from django.conf import settings
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    Metric,
)
from prometheus_client import generate_latest as _render
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.35, 0.5, 1.0, 2.5, 5.0, 10.0)

request_duration = Histogram(
    "mpac_request_duration_seconds",
    "Time from the first byte of a request to its answer.",
    ["method", "route", "status"],
    buckets=_SECONDS,
)
system_scopes_entered = Counter(
    "mpac_system_scopes_entered_total",
    "Transactions that crossed tenants, by the declared reason.",
    ["context", "scope"],
)
rate_limit_fallbacks = Counter(
    "mpac_rate_limit_fallbacks_total", "Rate-limit decisions made locally because Redis was away."
)
rate_limited = Counter("mpac_rate_limited_total", "Requests refused by a rate limit.", ["policy"])
provider_calls = Counter(
    "mpac_provider_attempts_total",
    "Calls to providers, by what was asked and how it ended: success, pending, declined, not_processed or unknown.",
    ["provider", "operation", "outcome"],
)
provider_call_duration = Histogram(
    "mpac_provider_duration_seconds",
    "How long providers took to answer, or until we gave up waiting.",
    ["provider", "operation"],
    buckets=_SECONDS,
)
provider_breaker_changes = Counter(
    "mpac_provider_breaker_changes_total",
    "Steps of accounts' circuit breakers, by the state they came to.",
    ["provider", "state"],
)
payment_attempts = Counter(
    "mpac_payment_attempts_total",
    "Steps of charges, by provider, the payment method and the state they came to.",
    ["provider", "method", "status"],
)
refunds = Counter(
    "mpac_refunds_total", "Steps of refunds, by provider and the state they came to.", ["provider", "status"]
)
captures = Counter(
    "mpac_captures_total",
    "Steps of captures, by provider and the state they came to.",
    ["provider", "status"],
)
webhooks_received = Counter(
    "mpac_webhooks_received_total",
    "Notices from providers, by what became of them at once: applied, pending, parked, unconfirmed, repeated or refused.",
    ["provider", "result"],
)
partner_calls = Counter(
    "mpac_partner_calls_total",
    "Calls to partners' endpoints, by how they ended: delivered, refused by an answer, or unreachable.",
    ["outcome"],
)
partner_call_duration = Histogram(
    "mpac_partner_call_duration_seconds",
    "How long partners' endpoints took to answer, or until we gave up waiting.",
    buckets=_SECONDS,
)
routing_refusals = Counter(
    "mpac_routing_refusals_total", "Payments for which no account could be chosen, by the reason.", ["reason"]
)
failovers = Counter(
    "mpac_provider_failovers_total",
    "Payments that went on to another account because the first provably did nothing.",
    ["provider"],
)

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


def observe_request(*, method: str, route: str, status: int, seconds: float) -> None:
    """Record one answered request; `route` is the URL pattern, or an empty string when none matched."""
    verb = method if method in _METHODS else "other"
    request_duration.labels(verb, route or "unmatched", str(status)).observe(seconds)


def text_of(figures: Iterable[Metric]) -> bytes:
    """These figures in the Prometheus text format."""
    return _render(_Figures(figures))


def observe_provider_call(*, provider: str, operation: str, outcome: str, seconds: float) -> None:
    """Record one answered, or unanswered, call to a provider."""
    provider_calls.labels(provider, operation, outcome).inc()
    provider_call_duration.labels(provider, operation).observe(seconds)


def render() -> bytes:
    """What was counted in the Prometheus text format, summed over the processes of this machine where they share."""
    if not settings.PROMETHEUS_MULTIPROC_DIR:
        return _render(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=settings.PROMETHEUS_MULTIPROC_DIR)  # type: ignore[no-untyped-call]
    return _render(registry)


class _Figures:
    """Figures that were measured elsewhere."""

    def __init__(self, figures: Iterable[Metric]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        return self._figures
