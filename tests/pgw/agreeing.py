"""A provider whose payers agree first and are charged when we say so."""

from dataclasses import replace

from mpac.pgw.adapters.port import (
    ActionRequired,
    Agreed,
    ChargeRequest,
    Outcome,
    Pending,
    ProviderPayment,
    Voided,
    WebhookHint,
)
from tests.pgw.doubles import TIMEOUT, Behaviour, Hold, HoldingAdapter


class AgreeingAdapter(HoldingAdapter):
    """`agreed` is who has agreed; `on_finish` queues behaviours as `on_create` does."""

    capabilities = replace(HoldingAdapter.capabilities, customer_initiated=True)

    def __init__(self) -> None:
        super().__init__()
        self.agreed: set[str] = set()
        self.finished: list[ChargeRequest] = []
        self.on_finish: list[Behaviour] = []

    def create(self, request: ChargeRequest) -> Outcome:
        with self._lock:
            self.created.append(request)
            behaviour = self.on_create.pop(0) if self.on_create else show_link
        return behaviour(request)

    def agree(self, request_key: str) -> None:
        """The payer agrees; nothing moves."""
        self.agreed.add(request_key)

    def tell(self, request: ChargeRequest) -> Outcome:
        known = super().tell(request)
        return Agreed() if known == Pending() and request.provider_key in self.agreed else known

    def finish(self, request: ChargeRequest) -> Outcome:
        with self._lock:
            self.finished.append(request)
            behaviour = self.on_finish.pop(0) if self.on_finish else self.carry_out
        return behaviour(request)

    def carry_out(self, request: ChargeRequest) -> Outcome:
        """Take or hold the money, once."""
        key = request.provider_key
        with self._lock:
            if key not in self.agreed:
                return Pending()
            if not request.capture:
                self.holds.setdefault(key, Hold(request.amount))
            elif key not in self.payments:
                payment = ProviderPayment(reference=self._reference("TOOK"), amount=request.amount)
                self.payments[key].append(payment)
        return self.tell(request)

    def carry_out_and_hang(self, request: ChargeRequest) -> Outcome:
        self.carry_out(request)
        return TIMEOUT

    def forget(self, request: ChargeRequest) -> Outcome:
        """The provider ends it by itself."""
        self.agreed.discard(request.provider_key)
        return Voided()

    def let_go(self, request: ChargeRequest) -> Outcome:
        """What is not held cannot be let go: it stands as it stands."""
        return super().let_go(request) if request.provider_key in self.holds else self.tell(request)

    def consent_notice(self, provider_key: str) -> bytes:
        """The provider's notice that the payer has agreed."""
        return self.notice(provider_key, f"LINK-{provider_key}")


class SigningAdapter(AgreeingAdapter):
    """One whose notices prove what they say."""

    def read_webhook(self, **given) -> WebhookHint:
        return replace(super().read_webhook(**given), state=Agreed())


def show_link(request: ChargeRequest) -> Outcome:
    return ActionRequired(
        next_action={"type": "redirect_to_url", "url": f"https://pay.example/{request.provider_key}"},
        provider_reference=f"LINK-{request.provider_key}",
    )
