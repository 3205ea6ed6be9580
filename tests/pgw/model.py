"""What the gateway must say about one intent, in plain Python: what the bank did, what of it is known, and what follows.

No table, no clock and no code of the gateway. The bank's own books are the double's; here is only what the gateway may have
learned of them, and how each step of a caller has to end.
"""

from dataclasses import dataclass, field

AMOUNT = 10000
TRIES = 5
# How a call to the bank goes: well, carried out without an answer, never arrived, refused, taken up for later.
OK, LOST, NEVER, REFUSED, TAKEN_UP = "ok", "lost", "never", "refused", "taken_up"


class Refusal(Exception):
    """The gateway refuses this step."""


@dataclass
class RefundModel:
    amount: int
    capture: int
    how: str
    status: str = "processing"
    at_bank: str = "nothing"  # nothing, taken_up, done or returned
    is_retried: bool = False


@dataclass
class CaptureModel:
    amount: int
    final: bool
    how: str


@dataclass
class IntentModel:
    """One intent of a partner; `manual` says whether its money is held first."""

    manual: bool
    status: str = "requires_confirmation"
    tries: int = 0
    open_try: str = ""  # how the call went whose outcome is not known
    cancel_wanted: bool = False
    authorized: int = 0
    taken: list[int] = field(default_factory=list)  # what is known to be captured, movement by movement
    in_flight: CaptureModel | None = None
    refunds: list[RefundModel] = field(default_factory=list)
    paid: int = 0  # how often a customer paid the QR
    known_paid: int = 0
    late: int = 0  # movements of money that go back because they are not due

    @property
    def captured(self) -> int:
        return sum(self.taken)

    @property
    def capturing(self) -> int:
        return self.in_flight.amount if self.in_flight else 0

    def refunds_in(self, *statuses: str) -> int:
        return sum(refund.amount for refund in self.refunds if refund.status in statuses)

    @property
    def sums(self) -> dict[str, int]:
        return {
            "authorized": self.authorized,
            "capturing": self.capturing,
            "captured": self.captured,
            "refunding": self.refunds_in("processing"),
            "refunded": self.refunds_in("completed"),
        }

    # --- steps of the caller ---

    def confirm(self, how: str) -> None:
        if self.status not in {"requires_confirmation", "requires_payment_method"}:
            raise Refusal
        self.tries += 1
        if how == OK:
            self._came_about()
        elif how == REFUSED:
            self.status = "requires_payment_method" if self.tries < TRIES else "failed"
        else:
            self.status, self.open_try = "processing", how

    def capture(self, amount: int | None, how: str, *, final: bool) -> None:
        left = self.authorized - self.captured
        if self.status != "requires_capture" or self.cancel_wanted:
            raise Refusal
        amount = left if amount is None else amount
        if not 1 <= amount <= left:
            raise Refusal
        if how == REFUSED:
            return
        self.in_flight = CaptureModel(amount, final or amount == left, how)
        self.status = "processing"
        if how == OK:
            self._capture_known()

    def refund(self, amount: int | None, how: str) -> RefundModel:
        room = self.captured - self.refunds_in("processing", "completed")
        amount = room if amount is None else amount
        if not 1 <= amount <= room:
            raise Refusal
        refund = RefundModel(amount, self._fitting(amount), how)
        self.refunds.append(refund)
        self._issue(refund)
        return refund

    def retry(self, failed: RefundModel, how: str) -> RefundModel:
        if failed.status not in {"failed", "reversed"} or failed.is_retried:
            raise Refusal
        again = self.refund(failed.amount, how)
        failed.is_retried = True
        return again

    def cancel(self, how: str) -> None:
        if self.status in {"requires_confirmation", "requires_payment_method"}:
            self.status = "cancelled"
        elif self.status == "requires_action":
            self.cancel_wanted = True
            if how == OK:
                self._take_back()
            if self.status == "succeeded":
                raise Refusal
        elif self.status in {"requires_capture", "processing"} and not self.captured:
            self.cancel_wanted = True
            if self.status == "requires_capture" and how == OK:
                self._let_go()
        elif self.status != "cancelled":
            raise Refusal

    # --- what the bank tells ---

    def learn_payments(self) -> None:
        """All payments of the QR are known now. The first one pays the intent, unless that was called off."""
        for _ in range(self.paid - self.known_paid):
            if self.status == "requires_action":
                self.status, self.authorized, self.taken = "succeeded", AMOUNT, [AMOUNT]
            else:
                self.late += 1
        self.known_paid = self.paid

    def learn_refund(self, refund: RefundModel) -> None:
        """What became of a refund is known now, as far as the bank knows it itself."""
        if refund.at_bank in {"done", "returned"} and refund.status == "processing":
            refund.status = "completed"
        if refund.at_bank == "returned" and refund.status == "completed":
            refund.status = "reversed"

    def learn_everything(self) -> None:
        """Minutes have passed in which the bank answered every question."""
        if self.open_try == LOST or (self.open_try == NEVER and not self.cancel_wanted):
            self._came_about()
        elif self.open_try:
            self.status = "cancelled"
        self.open_try = ""
        if self.in_flight:
            self._capture_known()
        self._take_back()
        if self.status == "requires_capture" and self.cancel_wanted:
            self._let_go()
        for refund in self.refunds:
            if refund.at_bank == "nothing" and refund.status == "processing":
                refund.at_bank = "done"  # sent again
            if refund.status == "processing":
                self.learn_refund(refund)

    # --- what follows ---

    def _came_about(self) -> None:
        self.open_try = ""
        if self.manual:
            self.status, self.authorized = "requires_capture", AMOUNT
        else:
            self.status = "requires_action"
            if self.cancel_wanted:
                self.status = "cancelled"

    def _capture_known(self) -> None:
        capture, self.in_flight = self.in_flight, None
        assert capture is not None
        self.taken.append(capture.amount)
        if capture.final:
            self.status, self.authorized = "succeeded", self.captured
        else:
            self.status = "requires_capture"

    def _take_back(self) -> None:
        """What was shown is ended, if nobody wants it, unless it was paid."""
        self.learn_payments()
        if self.status == "requires_action" and self.cancel_wanted:
            self.status = "cancelled"

    def _let_go(self) -> None:
        self.status = "succeeded" if self.captured else "cancelled"
        self.authorized = self.captured

    def _fitting(self, amount: int) -> int:
        """The capture whose rest fits the amount best."""
        left = list(self.taken)
        for refund in self.refunds:
            if refund.status in {"processing", "completed"}:
                left[refund.capture] -= refund.amount
        fitting = [number for number, rest in enumerate(left) if rest >= amount]
        if not fitting:
            raise Refusal
        return min(fitting, key=left.__getitem__)

    def _issue(self, refund: RefundModel) -> None:
        if refund.how == REFUSED:
            refund.status = "failed"
        elif refund.how in {OK, LOST}:
            refund.at_bank = "done"
        elif refund.how == TAKEN_UP:
            refund.at_bank = "taken_up"
        if refund.how == OK:
            refund.status = "completed"
