"""The certificates that PayPal signs its notices with: fetched from where a notice says, and trusted only by their chain.

Anybody can send a notice and name an address in it. So only addresses of PayPal are asked, by the guarded way of all
outgoing calls, a few at once and a few a minute, each for a short time; what was learned, good or bad, is remembered. While
nothing can be learned nothing is decided: the notice is answered with a failure, and PayPal sends it again.
"""

import ssl
import threading
import time
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from kernel.logs import get_logger
from kernel.outbound import HTTPS_PORT, Outbound, OutboundFault, OutboundRefused, parse_target
from mpac.pgw import conf
from mpac.pgw.errors import WebhookRefused, WebhookUndecided

logger = get_logger(__name__)

DOMAIN = ".paypal.com"
TIMEOUT_S = 2.0
MAX_BYTES, MAX_CHAIN, MAX_KEPT = 64 * 1024, 8, 64
FETCHES_AT_ONCE, FETCHES_A_MINUTE = 2, 30
KEPT_S, REFUSAL_KEPT_S, FAULT_KEPT_S = 24 * 3600.0, 300.0, 10.0
OK, GONE = 200, range(400, 500)
NO_ANSWERS = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class _Found:
    """What an address gave: a chain, its leaf first; nothing, for good; or nothing for now."""

    chain: tuple[x509.Certificate, ...]
    is_final: bool
    until: float


class Certificates:
    """Certificates by their address. Safe to share between threads."""

    def __init__(
        self, outbound: Outbound | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self._outbound = outbound or Outbound()
        self._known: OrderedDict[str, _Found] = OrderedDict()
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(FETCHES_AT_ONCE)
        self._fetched: deque[float] = deque()

    def key_at(self, url: str, *, now: datetime) -> RSAPublicKey:
        """The public key of the certificate at `url`. Raises WebhookRefused, and WebhookUndecided when nobody knows."""
        _check_address(url)
        found = self._find(url)
        if not found.chain:
            raise WebhookRefused if found.is_final else WebhookUndecided
        return _trusted_key(found.chain, now=now)

    def _find(self, url: str) -> _Found:
        with self._lock:
            known = self._known.get(url)
        if known is not None and known.until > self._monotonic():
            return known
        if not self._places.acquire(blocking=False):
            raise WebhookUndecided
        try:
            self._count()
            found = self._fetch(url)
        finally:
            self._places.release()
        with self._lock:
            self._known[url] = found
            self._known.move_to_end(url)
            while len(self._known) > MAX_KEPT:
                self._forget_one()
        return found

    def _count(self) -> None:
        """Raises WebhookUndecided when too much has been fetched within a minute."""
        with self._lock:
            now = self._monotonic()
            while self._fetched and self._fetched[0] < now - 60:
                self._fetched.popleft()
            if len(self._fetched) >= FETCHES_A_MINUTE:
                raise WebhookUndecided
            self._fetched.append(now)

    def _forget_one(self) -> None:
        """The oldest address that gave nothing, else the oldest; so that nobody can crowd a good certificate out."""
        useless = (url for url, found in self._known.items() if not found.chain)
        self._known.pop(next(useless, next(iter(self._known))))

    def _fetch(self, url: str) -> _Found:
        now = self._monotonic()
        try:
            reply = self._outbound.get(
                url, timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES, trusted=conf.trusted_paypal_hosts()
            )
        except OutboundRefused:
            return _Found((), is_final=True, until=now + REFUSAL_KEPT_S)
        except OutboundFault as fault:
            logger.warning("a certificate could not be fetched", reason=fault.code)
            return _Found((), is_final=False, until=now + FAULT_KEPT_S)
        if reply.status == OK and (chain := _read_chain(reply.body)):
            return _Found(chain, is_final=True, until=now + KEPT_S)
        is_final = reply.status == OK or (reply.status in GONE and reply.status not in NO_ANSWERS)
        return _Found((), is_final=is_final, until=now + (REFUSAL_KEPT_S if is_final else FAULT_KEPT_S))


def _check_address(url: str) -> None:
    """Raises WebhookRefused for an address that is not PayPal's own."""
    try:
        target = parse_target(url, trusted=conf.trusted_paypal_hosts())
    except OutboundRefused:
        raise WebhookRefused from None
    if not target.trusted and not (target.host.endswith(DOMAIN) and target.port == HTTPS_PORT):
        raise WebhookRefused


def _read_chain(body: bytes) -> tuple[x509.Certificate, ...]:
    try:
        chain = tuple(x509.load_pem_x509_certificates(body))
    except ValueError:
        return ()
    return chain if len(chain) <= MAX_CHAIN else ()


def _trusted_key(chain: tuple[x509.Certificate, ...], *, now: datetime) -> RSAPublicKey:
    """The leaf's key, if one of our roots vouches for it and for a name of PayPal, now. Raises WebhookRefused."""
    leaf, *others = chain
    store = _store(conf.paypal_ca_file())
    if store is None:
        raise WebhookUndecided
    try:
        verifier = PolicyBuilder().store(store).time(now).build_server_verifier(x509.DNSName(_name_of(leaf)))
        verifier.verify(leaf, others)
        key = leaf.public_key()
    except (VerificationError, ValueError, x509.ExtensionNotFound):
        raise WebhookRefused from None
    if not isinstance(key, RSAPublicKey):
        raise WebhookRefused
    return key


def _name_of(leaf: x509.Certificate) -> str:
    """A name under PayPal's domain that the certificate claims. Raises ExtensionNotFound and WebhookRefused."""
    claimed = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    for name in claimed.get_values_for_type(x509.DNSName):
        plain = name.replace("*", "any", 1)
        if plain.endswith(DOMAIN):
            return plain
    raise WebhookRefused


def _store(file: str) -> Store | None:
    """The authorities in `file`, or those of this machine; None, to be tried again, when there are none."""
    try:
        return _read_store(file, Path(file).stat().st_mtime_ns if file else 0)
    except (OSError, ValueError):
        logger.exception("the certificate authorities cannot be read")
        return None


@lru_cache(maxsize=2)
def _read_store(file: str, _changed_at: int) -> Store:
    if file:
        return Store(x509.load_pem_x509_certificates(Path(file).read_bytes()))
    authorities = ssl.create_default_context().get_ca_certs(binary_form=True)
    return Store([readable for der in authorities if (readable := _readable(der)) is not None])


def _readable(der: bytes) -> x509.Certificate | None:
    """A certificate of the machine's; not all of them are made by the rules."""
    try:
        with warnings.catch_warnings(action="error", category=CryptographyDeprecationWarning):
            return x509.load_der_x509_certificate(der)
    except (ValueError, CryptographyDeprecationWarning):
        return None
