"""Asking a provider for a refund or a capture, or about one: read what is needed, then call with no transaction open."""

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kernel.crypto import CryptoError
from kernel.logs import get_logger
from kernel.tenancy import Scope
from mpac.pgw.adapters.port import NotProcessed, OperationOutcome, Unknown
from mpac.pgw.adapters.registry import find_adapter
from mpac.pgw.db import atomic
from mpac.pgw.selectors.captures import get_capture
from mpac.pgw.selectors.refunds import get_refund
from mpac.pgw.services.accounts import capture_request, refund_request
from mpac.pgw.services.calls import measured

logger = get_logger(__name__)

NOT_CALLED = NotProcessed(code="account_gone", message="There is no account to call with.")
NOT_ASKED = Unknown(code="account_gone", message="There is no account to ask with.")


@dataclass(frozen=True, slots=True)
class Operation:
    """A refund or capture with all that is needed to call its provider without a database."""

    key: uuid.UUID
    scope: Scope
    issue: Callable[[], OperationOutcome]
    probe: Callable[[], OperationOutcome]


def prepare_refund(
    *, scope: Scope, refund_id: uuid.UUID, now: dt.datetime, timeout_s: float | None = None
) -> Operation:
    """Read a refund and open its account. Raises NotFound."""
    with atomic(scope):
        refund = get_refund(refund_id)
        adapter = find_adapter(refund.provider)
        try:
            request = refund_request(refund, now=now, timeout_s=timeout_s)
        except CryptoError:
            adapter = None
    if adapter is None:
        return _unreachable(scope, refund_id)
    asks = adapter.capabilities.probe or request.provider_reference
    ask = adapter.probe_refund if asks else adapter.refund  # the same call under its key is the question then
    return Operation(
        refund_id,
        scope,
        lambda: measured(adapter.name, "refund", partial(adapter.refund, request)),
        lambda: measured(adapter.name, "probe_refund", partial(ask, request)),
    )


def prepare_capture(
    *, scope: Scope, capture_id: uuid.UUID, now: dt.datetime, timeout_s: float | None = None
) -> Operation:
    """Read a capture and open its account. Raises NotFound."""
    with atomic(scope):
        capture = get_capture(capture_id)
        adapter = find_adapter(capture.provider)
        try:
            request = capture_request(capture, now=now, timeout_s=timeout_s)
        except CryptoError:
            adapter = None
    if adapter is None:
        return _unreachable(scope, capture_id)
    asks = adapter.capabilities.probe or request.provider_reference
    ask = adapter.probe_capture if asks else adapter.capture
    return Operation(
        capture_id,
        scope,
        lambda: measured(adapter.name, "capture", partial(adapter.capture, request)),
        lambda: measured(adapter.name, "probe_capture", partial(ask, request)),
    )


def _unreachable(scope: Scope, key: uuid.UUID) -> Operation:
    logger.warning("an operation's account cannot be opened", operation=str(key))
    return Operation(key, scope, lambda: NOT_CALLED, lambda: NOT_ASKED)
