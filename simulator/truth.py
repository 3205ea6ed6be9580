"""The bank's own books: every charge it registered and every satang it moved.

Nothing else in the simulator decides whether money was taken. With a journal, a simulator that was killed
comes back knowing what it knew.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec


class Charge(msgspec.Struct, kw_only=True):
    """One QR code and its payment. `reference` is the merchant's, `provider_reference` the bank's, if paid."""

    number: int
    provider: str
    biller_id: str
    reference: str
    reference2: str
    reference3: str
    amount: int
    currency: str
    qr_payload: str
    created_at: datetime
    status: Literal["pending", "paid"] = "pending"
    provider_reference: str | None = None
    paid_at: datetime | None = None


class Journal:
    """One JSON line per change of a charge, the last one counts. Without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0) if path else None

    def read(self) -> Iterator[Charge]:
        """Every line in the order written; a line torn by a kill is left out, its change never answered."""
        for line in self._path.read_bytes().splitlines() if self._path else ():
            try:
                yield msgspec.json.decode(line, type=Charge)
            except msgspec.DecodeError:
                continue

    def write(self, charge: Charge) -> None:
        """Append the charge as it is now."""
        if self._file:
            self._file.write(msgspec.json.encode(charge) + b"\n")

    def rewrite(self, charges: list[Charge]) -> None:
        """Replace the whole file, so that it does not grow with every restart."""
        if not self._path or not self._file:
            return
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(b"".join(msgspec.json.encode(charge) + b"\n" for charge in charges))
        fresh.replace(self._path)
        self._file.close()
        self._file = self._path.open("ab", buffering=0)

    def close(self) -> None:
        """Write no more."""
        if self._file:
            self._file.close()


class Truth:
    """Charges by number and by the reference a customer's app or an inquiry would give."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._charges: dict[int, Charge] = {}
        self._by_reference: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for charge in journal.read():
            self._keep(charge)
        journal.rewrite(self.charges())

    def charges(self) -> list[Charge]:
        """All charges, oldest first."""
        return list(self._charges.values())

    def find(
        self, *, provider: str, biller_id: str, reference: str, reference2: str | None = None
    ) -> list[Charge]:
        """Charges with these references, oldest first; `reference2` None = any."""
        numbers = self._by_reference.get((provider, biller_id, reference), [])
        found = [self._charges[number] for number in numbers]
        return [charge for charge in found if reference2 is None or charge.reference2 == reference2]

    def next_number(self) -> int:
        """The number the next registered charge takes."""
        return len(self._charges) + 1

    def register(self, charge: Charge) -> Charge:
        """Enter a charge that waits for its customer."""
        self._keep(charge)
        self._journal.write(charge)
        return charge

    def book(self, charge: Charge, *, amount: int, provider_reference: str, paid_at: datetime) -> Charge:
        """Move the money, as much as the customer confirmed. Raises ValueError when the charge was paid."""
        if charge.status == "paid":
            raise ValueError(f"charge {charge.number} is paid already")
        charge.amount, charge.status = amount, "paid"
        charge.provider_reference, charge.paid_at = provider_reference, paid_at
        self._journal.write(charge)
        return charge

    def reset(self) -> None:
        """Forget everything."""
        self._charges.clear()
        self._by_reference.clear()
        self._journal.rewrite([])

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _keep(self, charge: Charge) -> None:
        if charge.number not in self._charges:
            self._by_reference[charge.provider, charge.biller_id, charge.reference].append(charge.number)
        self._charges[charge.number] = charge
