"""The providers' own books: every charge they registered, every satang they moved, and what they answered.

Nothing else in the simulator decides whether money was taken. With a journal, a simulator that was killed
comes back knowing what it knew.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from simulator.emvco import QrMalformed, read_bill_payment


class Charge(msgspec.Struct, kw_only=True, tag="charge"):
    """One charge and its payment; amounts in minor units.

    `reference` is the merchant's, `provider_reference` the provider's. `amount` is what was asked for until money moved,
    then what was moved. `account` is the merchant's key at a provider that has several merchants.
    """

    number: int
    provider: str
    reference: str
    amount: int
    currency: str
    created_at: datetime
    account: str = ""
    biller_id: str = ""
    reference2: str = ""
    reference3: str = ""
    qr_payload: str = ""
    picture: str = ""  # where the code is shown as a picture, if the merchant gets nothing else
    method: str = "qr_code"
    status: Literal["pending", "agreed", "authorized", "paid", "failed", "voided"] = "pending"
    asked: int = 0  # what was asked for at the beginning
    provider_reference: str | None = None
    paid_at: datetime | None = None
    details: dict[str, Any] = {}


class Refund(msgspec.Struct, kw_only=True, tag="refund"):
    """Money given back, or about to be. `reference` is the merchant's, `charge` the number of the charge."""

    number: int
    provider: str
    charge: int
    reference: str
    provider_reference: str
    amount: int
    currency: str
    created_at: datetime
    status: Literal["pending", "done", "failed", "reversed"] = "pending"
    details: dict[str, Any] = {}


class Dispute(msgspec.Struct, kw_only=True, tag="dispute"):
    """A payer's complaint at their bank about a payment."""

    number: int
    charge: int
    provider_reference: str
    amount: int
    currency: str
    reason: str
    status: Literal["opened", "under_review", "won", "lost"]
    created_at: datetime


class Reply(msgspec.Struct, kw_only=True, tag="reply"):
    """What was answered under an idempotency key; it is answered again to whoever repeats the call."""

    provider: str
    account: str
    key: str
    request: str
    status: int
    body: dict[str, Any]


Entry = Charge | Refund | Dispute | Reply
_Kind = TypeVar("_Kind", Charge, Refund, Dispute, Reply)


class Journal:
    """One JSON line per change, the last one about a thing counts. Without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0) if path else None

    def read(self) -> Iterator[Entry]:
        """Every line in the order written; a line torn by a kill is left out, its change never answered."""
        for line in self._path.read_bytes().splitlines() if self._path else ():
            try:
                yield msgspec.json.decode(line, type=Entry)
            except msgspec.DecodeError:
                continue

    def write(self, entry: Entry) -> None:
        """Append the entry as it is now."""
        if self._file:
            self._file.write(msgspec.json.encode(entry) + b"\n")

    def rewrite(self, entries: list[Entry]) -> None:
        """Replace the whole file, so that it does not grow with every restart."""
        if not self._path or not self._file:
            return
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))
        fresh.replace(self._path)
        self._file.close()
        self._file = self._path.open("ab", buffering=0)

    def close(self) -> None:
        """Write no more."""
        if self._file:
            self._file.close()


class Truth:
    """Charges by number, by the references that an inquiry would give, and by the code that a customer scans."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._charges: dict[int, Charge] = {}
        self._refunds: dict[int, Refund] = {}
        self._disputes: dict[int, Dispute] = {}
        self._replies: dict[tuple[str, str, str], Reply] = {}
        self._by_reference: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        self._by_provider_reference: dict[tuple[str, str], int] = {}
        self._by_code: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for entry in journal.read():
            self._keep(entry)
        kept = (self._charges, self._refunds, self._disputes, self._replies)
        journal.rewrite([entry for entries in kept for entry in entries.values()])

    def charges(self, *, provider: str | None = None, account: str | None = None) -> list[Charge]:
        """All charges, or those of one merchant at one provider, oldest first."""
        return [
            charge
            for charge in self._charges.values()
            if provider in (None, charge.provider) and account in (None, charge.account)
        ]

    def refunds(self, *, of: Charge | None = None) -> list[Refund]:
        """All refunds, or those of one charge, oldest first."""
        return [refund for refund in self._refunds.values() if of is None or refund.charge == of.number]

    def find(
        self, *, provider: str, biller_id: str, reference: str, reference2: str | None = None
    ) -> list[Charge]:
        """Charges with these references, oldest first; `reference2` None = any."""
        numbers = self._by_reference.get((provider, biller_id, reference), [])
        found = [self._charges[number] for number in numbers]
        return [charge for charge in found if reference2 is None or charge.reference2 == reference2]

    def find_known(self, *, provider: str, provider_reference: str) -> Charge | None:
        """The charge that the provider gave this reference."""
        number = self._by_provider_reference.get((provider, provider_reference))
        return None if number is None else self._charges[number]

    def find_shown(self, code: str) -> list[Charge]:
        """Charges that a customer pays by this code or by its picture, oldest first.

        The tags of a bank's code may come in any order.
        """
        numbers = self._by_code.get(_scanned(code), [])
        return [self._charges[number] for number in numbers]

    def find_refund(self, *, provider: str, provider_reference: str) -> Refund | None:
        """The refund that the provider gave this reference."""
        known = (each for each in self._refunds.values() if each.provider == provider)
        return next((each for each in known if each.provider_reference == provider_reference), None)

    def find_dispute(self, charge: Charge) -> Dispute | None:
        """The dispute about a charge."""
        return next((each for each in self._disputes.values() if each.charge == charge.number), None)

    def charge_of(self, about: Refund | Dispute) -> Charge:
        """The charge that a refund or a dispute is about."""
        return self._charges[about.charge]

    def find_reply(self, *, provider: str, account: str, key: str) -> Reply | None:
        """What was answered under an idempotency key."""
        return self._replies.get((provider, account, key))

    def next_number(self) -> int:
        """The number the next registered charge takes."""
        return len(self._charges) + 1

    def next_refund_number(self) -> int:
        """The number the next registered refund takes."""
        return len(self._refunds) + 1

    def next_dispute_number(self) -> int:
        """The number the next registered dispute takes."""
        return len(self._disputes) + 1

    def register(self, charge: Charge) -> Charge:
        """Enter a charge that waits for its customer, or for its bank."""
        charge.asked = charge.asked or charge.amount
        return self._enter(charge)

    def agree(self, charge: Charge) -> Charge:
        """The payer agrees, and nothing moves. Raises ValueError unless the charge is pending."""
        self._expect(charge, "pending")
        charge.status = "agreed"
        return self._enter(charge)

    def authorize(self, charge: Charge) -> Charge:
        """Hold the money. Raises ValueError unless the charge is pending or agreed to."""
        self._expect(charge, "pending", "agreed")
        charge.status = "authorized"
        return self._enter(charge)

    def book(self, charge: Charge, *, amount: int, provider_reference: str, paid_at: datetime) -> Charge:
        """Move the money, as much as the customer confirmed. Raises ValueError when it was moved or let go before."""
        self._expect(charge, "pending", "agreed", "authorized")
        charge.amount, charge.status = amount, "paid"
        charge.provider_reference, charge.paid_at = provider_reference, paid_at
        return self._enter(charge)

    def end(self, charge: Charge, *, status: Literal["failed", "voided"], **details: Any) -> Charge:
        """End a charge without money. Raises ValueError when money was moved."""
        self._expect(charge, "pending", "authorized", "failed")
        charge.status = status
        charge.details = {**charge.details, **details}
        return self._enter(charge)

    def note(self, charge: Charge, **details: Any) -> Charge:
        """Keep something more about a charge."""
        charge.details = {**charge.details, **details}
        return self._enter(charge)

    def give_back(self, refund: Refund) -> Refund:
        """Enter a refund, or what became of it."""
        return self._enter(refund)

    def dispute(self, dispute: Dispute) -> Dispute:
        """Enter a dispute, or what became of it."""
        return self._enter(dispute)

    def remember(self, reply: Reply) -> None:
        """Keep what was answered."""
        self._enter(reply)

    def reset(self) -> None:
        """Forget everything."""
        self._charges.clear()
        self._refunds.clear()
        self._disputes.clear()
        self._replies.clear()
        self._by_reference.clear()
        self._by_provider_reference.clear()
        self._by_code.clear()
        self._journal.rewrite([])

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _expect(self, charge: Charge, *states: str) -> None:
        if charge.status not in states:
            raise ValueError(f"charge {charge.number} is {charge.status} already")

    def _enter(self, entry: _Kind) -> _Kind:
        self._keep(entry)
        self._journal.write(entry)
        return entry

    def _keep(self, entry: Entry) -> None:
        match entry:
            case Charge():
                self._keep_charge(entry)
            case Refund():
                self._refunds[entry.number] = entry
            case Dispute():
                self._disputes[entry.number] = entry
            case Reply():
                self._replies[entry.provider, entry.account, entry.key] = entry

    def _keep_charge(self, charge: Charge) -> None:
        if charge.number not in self._charges:
            self._by_reference[charge.provider, charge.biller_id, charge.reference].append(charge.number)
            for code in filter(None, (charge.qr_payload, charge.picture)):
                self._by_code[_scanned(code)].append(charge.number)
        if charge.provider_reference:
            self._by_provider_reference[charge.provider, charge.provider_reference] = charge.number
        self._charges[charge.number] = charge


def _scanned(code: str) -> tuple[str, ...]:
    """What a code says about whom it pays and for what: two texts may say the same."""
    try:
        qr = read_bill_payment(code)
    except QrMalformed:
        return (code,)
    return (qr.biller_id, qr.reference1, qr.reference2)
