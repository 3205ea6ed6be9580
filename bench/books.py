"""A merchant's paid intents in any number, and the provider's statement about them, with a known share of differences.

The rows go in by COPY, past the triggers: they are what a month of payments leaves behind, not the payments themselves.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.bar import Bar
from kernel.ids import uuid7

PROVIDER = "adyen"
DAYS = 30
CHUNK = 5000
HEADER = (
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,"
    "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),"
    "Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Payment Method Variant,"
    "Modification Merchant Reference,Batch Number,Reserved4,Reserved5,Reserved6,Reserved7,Reserved8,Reserved9\n"
)
TABLES = {
    "payment_intents": (
        "id, created_at, psp_id, merchant_id, store_id, status, version, updated_at, amount_minor, currency,"
        " authorized_minor, capturing_minor, captured_minor, refunding_minor, refunded_minor, method, provider,"
        " capture_method, source, livemode, metadata, idempotency_key, expires_at"
    ),
    "payment_attempts": (
        "id, created_at, psp_id, merchant_id, store_id, intent_id, number, status, status_at, version, provider, account,"
        " provider_key, provider_reference, amount_minor, currency, captured_minor, livemode, probes, next_probe_at"
    ),
    "provider_references": (
        "id, created_at, psp_id, merchant_id, store_id, provider, kind, reference, attempt_id"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Books:
    """So many payments of one store in the month before `now`; everything follows from their numbers."""

    count: int
    psp_id: int
    merchant_id: int
    store_id: int
    now: dt.datetime

    def at(self, number: int) -> dt.datetime:
        """When a payment was made."""
        return self.now - dt.timedelta(days=DAYS) + dt.timedelta(days=DAYS) * number / self.count

    def is_strange(self, number: int) -> bool:
        """In its place the statement tells a payment that nobody knows."""
        return number % 1000 == 7

    def is_unknown(self, number: int) -> bool:
        """Its outcome is open, and the statement tells it."""
        return number % 10_000 == 29

    def expected(self, *, lag: dt.timedelta) -> dict[str, int]:
        """What comparing all of it must come to."""
        numbers = range(self.count)
        ends_at = self.at(self.count - 1).replace(microsecond=0)
        strange = [number for number in numbers if self.is_strange(number)]
        wrong = sum(number % 1000 in {13, 19} for number in numbers)
        return {
            "matched": self.count - len(strange) - wrong,
            "missing_in_mpac": len(strange),
            "amount_mismatch": sum(number % 1000 == 13 for number in numbers),
            "fee_mismatch": sum(number % 1000 == 19 for number in numbers),
            "missing_in_provider": sum(self.at(number) < ends_at - lag for number in strange),
        }

    def seed(self, admin: psycopg.Connection) -> None:
        """Enter all payments, a chunk a transaction for each table."""
        admin.execute("SET session_replication_role = replica")
        bar = Bar("seeding", self.count)
        for first in range(0, self.count, CHUNK):
            numbers = range(first, min(first + CHUNK, self.count))
            texts = {table: [] for table in TABLES}
            for number in numbers:
                for table, row in self._rows(number):
                    texts[table].append("\t".join(row))
            for table, lines in texts.items():
                with admin.cursor().copy(f"COPY pgw.{table} ({TABLES[table]}) FROM STDIN") as copy:
                    copy.write("\n".join(lines) + "\n")
            bar.show(numbers[-1] + 1)
        admin.execute("ANALYZE pgw.payment_intents, pgw.payment_attempts, pgw.provider_references")
        admin.execute("RESET session_replication_role")

    def write_statement(self, path: Path) -> None:
        """Adyen's settlement details of the month: one line a payment."""
        bar = Bar("writing", self.count)
        with path.open("w", encoding="utf-8") as file:
            file.write(HEADER)
            for first in range(0, self.count, CHUNK):
                last = min(first + CHUNK, self.count)
                file.writelines(self._line(number) for number in range(first, last))
                bar.show(last)

    def _amount(self, number: int) -> int:
        return 100 + number * 37 % 100_000

    def _rows(self, number: int) -> Iterator[tuple[str, tuple[str, ...]]]:
        at = self.at(number)
        stamp, amount, tenant = at.isoformat(), str(self._amount(number)), self._tenant
        intent_id, attempt_id = str(uuid7(at=at)), str(uuid7(at=at))
        paid = "0" if self.is_unknown(number) else amount
        status = ("processing", "unknown") if self.is_unknown(number) else ("succeeded", "captured")
        later = (self.now + dt.timedelta(days=1)).isoformat()
        yield (
            "payment_intents",
            (
                *(intent_id, stamp, *tenant, status[0], "3", stamp, amount, "EUR", paid, "0", paid, "0", "0"),
                *("credit_card", PROVIDER, "automatic", "api", "f", "{}", f"bench-{number}", later),
            ),
        )
        yield (
            "payment_attempts",
            (
                *(attempt_id, stamp, *tenant, intent_id, "1", status[1], stamp, "2", PROVIDER, "{}"),
                *(f"KEY{number:012}", f"PSP{number:012}", amount, "EUR", paid, "f", "0"),
                later if self.is_unknown(number) else r"\N",
            ),
        )
        if not self.is_unknown(number):
            row = (str(uuid7(at=at)), stamp, *tenant, PROVIDER, "payment", f"PSP{number:012}", attempt_id)
            yield "provider_references", row

    @property
    def _tenant(self) -> tuple[str, str, str]:
        return str(self.psp_id), str(self.merchant_id), str(self.store_id)

    def _line(self, number: int) -> str:
        gross = self._amount(number) + (number % 1000 == 13)
        fee = 10 + gross // 100
        net = gross - fee - (number % 1000 == 19)
        name = f"XXX{number:012}" if self.is_strange(number) else f"{number:012}"
        return (
            f"Co,Shop,PSP{name},KEY{name},visa,{self.at(number):%Y-%m-%d %H:%M:%S},UTC,Settled,MOD{name},"
            f"EUR,,{_major(gross)},1,EUR,,{_major(net)},,{_major(fee - 10)},0.03,0.07,visaclassic,,118,,,,,,\n"
        )


def _major(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"
