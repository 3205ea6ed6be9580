"""What every adapter promises, made runnable: a kit says what is particular to a provider, a stage runs its stand-in.

The cases are in the `test_contract_*` modules. A case asks for the kits that it applies to by their capabilities, so that an
adapter is held to all that it declares, and to nothing else. To bring a provider in, write its kit and list it in `kits`.
"""

import dataclasses
import datetime as dt
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from kernel.ids import uuid7
from kernel.money import Money
from mpac.pgw.adapters import registry
from mpac.pgw.adapters.port import (
    ActionRequired,
    Adapter,
    Agreed,
    Approved,
    Capabilities,
    CaptureRequest,
    ChargeRequest,
    Outcome,
    ProviderAccount,
    RefundRequest,
    WebhookHint,
)
from mpac.pgw.domain.keys import provider_key
from tests.simulator.conftest import Running

# Long enough for a busy machine to answer, and what a test waits for a provider that hangs.
PATIENCE_S, HURRY_S = 5.0, 0.25
LOST = ("hang_before", "hang_after", "500_after", "rst_after")


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way of paying at a provider."""

    method: str
    amount: Money
    token: str | None = None
    declined_token: str | None = None
    holds: bool = False  # the money can be held


@dataclass(frozen=True, kw_only=True)
class Kit:
    """What is particular to one provider. `sign` makes the headers of a callback as the provider would."""

    name: str
    make: Callable[[httpx2.BaseTransport | None], Adapter]
    setting: str
    fields: Mapping[str, str]
    credentials: Mapping[str, str]
    ways: tuple[Way, ...]
    merchant_key: str | None = None  # the credential by which the stand-in knows its merchant
    # Amounts and the units in which the provider's books have them; amounts that it cannot express.
    counts: tuple[tuple[Money, int], ...] = ()
    refuses: tuple[Money, ...] = ()
    sign: Callable[[bytes, str, dt.datetime], dict[str, str]] | None = None
    secrets: tuple[str, str] = ("", "")  # two secrets of the provider's own shape
    signs_once: bool = False  # a notice has one signature, also while secrets are rotated
    repeated_for_s: int = 300  # how old a notice may be
    signs_headers: bool = True  # the raw body is signed, in headers; else some of its fields, in the body
    # How the merchant's server says that it took a notice.
    accepts: Callable[[], httpx2.Response] = lambda: httpx2.Response(
        200, json={"resCode": "00", "statusCode": "00"}
    )
    options: Mapping[str, str] = field(default_factory=dict)  # what the stand-in has to know of its merchant
    # A code whose answer was lost cannot be had again; the charge is ended instead.
    shows_once: bool = False
    finishes: bool = False  # a payer agrees first, and nothing moves until we finish the charge
    named_by_provider: bool = False  # a charge is found under the provider's reference alone
    refunds_wait: bool = True  # a refund may be taken up now and carried out later
    refunds_come_back: bool = True  # a refund that was carried out may return
    # What else the stand-in at this address needs, with a directory for it.
    prepare: Callable[[Any, str, Path], None] = lambda _settings, _url, _directory: None

    @property
    def capabilities(self) -> Capabilities:
        return self.make(None).capabilities

    def account(self, **credentials: str) -> ProviderAccount:
        secret = {"webhook_secret": self.secrets[0]} if self.secrets[0] else {}
        return ProviderAccount(
            fields=self.fields, credentials={**self.credentials, **secret, **credentials}, livemode=False
        )


@dataclass
class Deliveries:
    """The merchant's server: keeps what it is sent as it came over the wire."""

    answer: Callable[[httpx2.Request], httpx2.Response]
    received: list[httpx2.Request] = field(default_factory=list)

    def receive(self, request: httpx2.Request) -> httpx2.Response:
        self.received.append(request)
        return self.answer(request)


class Stage:
    """One provider's stand-in, its adapter, and short words for what tests do with them."""

    def __init__(self, running: Running, kit: Kit, settings: Any, transport: httpx2.BaseTransport) -> None:
        running.begin()
        self.running, self.kit, self.settings = running, kit, settings
        self.adapter = kit.make(transport)
        self.can = self.adapter.capabilities
        self.deliveries = Deliveries(answer=lambda _request: kit.accepts())
        running.merchant = self.deliveries
        setattr(settings, kit.setting, f"{running.url}/{kit.name}")
        self.enter(kit.secrets[:1])

    @property
    def now(self) -> dt.datetime:
        return self.running.now

    def enter(self, secrets: tuple[str, ...]) -> None:
        """Tell the provider's dashboard where events go."""
        if self.kit.merchant_key:
            entry = {
                "provider": self.kit.name,
                "key": self.kit.credentials[self.kit.merchant_key],
                "webhook_url": f"http://merchant.test/{self.kit.name}",
                "webhook_secrets": [secret for secret in secrets if secret],
                "options": dict(self.kit.options),
            }
            assert self.running.http.post("/__merchants", json=entry).status_code == 200

    def charge(self, way: Way | None = None, **changes: Any) -> ChargeRequest:
        way = way or self.kit.ways[0]
        values = {
            "provider_key": provider_key(uuid7(), length=self.can.key_length),
            "amount": way.amount,
            "account": self.kit.account(),
            "store_id": 111,
            "opened_at": self.now,
            "now": self.now,
            "expires_at": self.now + dt.timedelta(minutes=10),
            "timeout_s": PATIENCE_S,
            "method": way.method,
            "payment_token": way.token,
        }
        return ChargeRequest(**{**values, **changes})

    def script(self, operation: str, behaviour: str, *, times: int = 1) -> None:
        body = {"provider": self.kit.name, "operation": operation, "behaviour": behaviour, "times": times}
        answer = self.running.http.post("/__script", json=body)
        assert answer.status_code == 200, answer.text

    def books(self, kind: str = "charges") -> list[dict[str, Any]]:
        """What the provider itself knows."""
        return self.running.http.get("/__truth").json()[kind]

    def paid(self) -> list[dict[str, Any]]:
        return [charge for charge in self.books() if charge["status"] == "paid"]

    def settle(self) -> None:
        """Wait until the provider has nothing under way."""
        self.running.settle()

    def customer_pays(self, request: ChargeRequest) -> None:
        """The customer pays by what the provider shows for this charge, or showed last; what they agree to is finished."""
        shown = [each for each in self.books() if each["reference"] == request.provider_key][-1]
        answer = self.running.pay(shown["qr_payload"])
        assert answer.status_code == 200, answer.text
        self.settle()
        if self.kit.finishes:
            self.found(dataclasses.replace(request, provider_reference=shown["provider_reference"]))

    def found(self, request: ChargeRequest) -> Outcome:
        """What the gateway finds when it asks, after it has finished what was agreed to."""
        outcome = self.adapter.probe(request)
        return self.adapter.finish(request) if isinstance(outcome, Agreed) else outcome

    def asked(self, request: ChargeRequest) -> tuple[ChargeRequest, ...]:
        """The ways to ask about a charge: by the provider's reference, and without it where that is possible."""
        nameless = dataclasses.replace(request, provider_reference=None)
        return (request,) if self.kit.named_by_provider else (request, nameless)

    def charged(self, request: ChargeRequest) -> Outcome:
        """What comes of a charge when its customer does what they are shown."""
        outcome = self.adapter.create(request)
        if isinstance(outcome, ActionRequired):
            self.customer_pays(request)
            outcome = self.adapter.probe(known(request, outcome))
        return outcome

    def pay(self, request: ChargeRequest) -> ChargeRequest:
        """Take the money of a charge to its end; the request as it stands then, with the provider's reference."""
        outcome = self.charged(request)
        self.settle()
        assert isinstance(outcome, Approved), outcome
        return known(request, outcome)

    def learn(self, request: ChargeRequest) -> Outcome:
        """What the gateway does after a lost answer: ask, and if nothing is known, call again under the same key."""
        outcome = self.adapter.probe(request)
        return outcome if known_of(outcome) else self.adapter.create(request)

    def read(self, request: httpx2.Request, *, account: ProviderAccount | None = None) -> WebhookHint:
        """One delivery as the gateway reads it."""
        return self.adapter.read_webhook(
            headers=dict(request.headers),
            body=request.content,
            account=account or self.kit.account(),
            now=self.now,
        )


def in_hurry(request: ChargeRequest, behaviour: str) -> ChargeRequest:
    """The request of a caller who gives up soon on a provider that hangs."""
    hangs = behaviour.startswith("hang")
    return dataclasses.replace(request, timeout_s=HURRY_S if hangs else PATIENCE_S)


def known_of(outcome: Outcome) -> str | None:
    """The provider's reference in an outcome."""
    match outcome:
        case Approved(payments=payments):
            return payments[0].reference
        case ActionRequired(provider_reference=reference):
            return reference
    return getattr(outcome, "reference", None)


def known(request: ChargeRequest, outcome: Outcome) -> ChargeRequest:
    """The request as the gateway makes it once it knows the provider's reference."""
    return dataclasses.replace(request, provider_reference=known_of(outcome))


def capture_of(
    request: ChargeRequest, *, amount: Money | None = None, final: bool = True, **changes: Any
) -> CaptureRequest:
    values = {
        "charge": request,
        "operation_key": provider_key(uuid7(), length=len(request.provider_key)),
        "amount": amount or request.amount,
        "final": final,
    }
    return CaptureRequest(**{**values, **changes})


def refund_of(request: ChargeRequest, *, amount: Money | None = None, **changes: Any) -> RefundRequest:
    """A refund of a paid charge, whose payment has the charge's own reference."""
    values = {
        "charge": request,
        "operation_key": provider_key(uuid7(), length=len(request.provider_key)),
        "amount": amount or request.amount,
        "reason": "requested_by_customer",
        "payment_reference": request.provider_reference,
        "opened_at": request.now,
    }
    return RefundRequest(**{**values, **changes})


def units(amount: Money, kit: Kit) -> int:
    """The amount as the stand-in's books have it."""
    return dict(kit.counts).get(amount, amount.amount_minor)


def hexdigest(key: bytes, message: bytes) -> str:
    """HMAC-SHA256, as most providers sign."""
    return hmac.new(key, message, "sha256").hexdigest()


Wanted = Callable[[Capabilities], bool]


def listed(kits: Mapping[str, Kit], wanted: Wanted = lambda _can: True) -> list[Any]:
    """The kits of the registered adapters with these capabilities, as parameters."""
    names = [adapter.name for adapter in registry.list_adapters() if adapter.name in kits]
    return [pytest.param(kits[name], id=name) for name in names if wanted(kits[name].capabilities)]


def ways(kits: Mapping[str, Kit], wanted: Callable[[Kit, Way], bool]) -> list[Any]:
    """Every way of every kit that is wanted, as parameters."""
    return [
        pytest.param(kit, way, id=f"{kit.name}-{way.method}")
        for kit in (parameter.values[0] for parameter in listed(kits))
        for way in kit.ways
        if wanted(kit, way)
    ]
