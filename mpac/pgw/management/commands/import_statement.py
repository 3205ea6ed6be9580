"""`manage.py import_statement FILE --profile adyen --psp 1 --merchant 2`: take a provider's statement in and compare it."""

import getpass
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel import clock
from kernel.tenancy import TenantScope
from mpac.pgw.db import atomic
from mpac.pgw.domain.reconciliation import FileStatus
from mpac.pgw.domain.statements.mapping import MappingMalformed
from mpac.pgw.domain.statements.profiles import PROFILES, Profile, declared_profile
from mpac.pgw.errors import StatementBusy, StatementDoesNotAddUp, StatementProfileChanged
from mpac.pgw.models import Merchant, StatementFile
from mpac.pgw.services.statement_import import Source, import_statement

SHOWN_FAULTS = 20
SHOW_EVERY_S = 0.5
BAR = 30


class Command(BaseCommand):
    help = (
        "Take a provider's statement in and compare it with what was charged. The same file counts once; a run that was "
        "cut off goes on where it stopped. Nothing of a file with a faulty line is taken. Sums are in minor units."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the statement, plain or gzipped")
        known = ", ".join(sorted(PROFILES))
        parser.add_argument("--profile", required=True, help=f"{known}, or a TOML file that declares one")
        parser.add_argument("--psp", type=int, required=True, help="the payment service provider's id")
        parser.add_argument("--merchant", type=int, required=True, help="the merchant's id")
        parser.add_argument("--store", type=int, help="the store, when the statement is about one alone")
        parser.add_argument("--test", action="store_true", help="the statement is about test payments")
        parser.add_argument("--encoding", help="such as cp932 or cp874, where the profile says another")
        parser.add_argument("--time-zone", help="such as Asia/Bangkok, where the profile says another")

    def handle(self, *_args: Any, file: Path, psp: int, merchant: int, **options: Any) -> None:
        self._shown_at, self._began_at, self._phase = 0.0, time.monotonic(), ""
        with atomic(TenantScope(psp, merchant)):
            if not Merchant.objects.filter(merchant_id=merchant).exists():
                raise CommandError(f"provider {psp} has no merchant {merchant}")
        profile = _profile(options)
        try:
            with file.open("rb") as opened:
                source = Source(
                    file=opened,
                    psp_id=psp,
                    merchant_id=merchant,
                    name=file.name,
                    profile=profile,
                    imported_by=f"shell:{getpass.getuser()}",
                    livemode=not options["test"],
                    only_store_id=options["store"],
                )
                taken = import_statement(source=source, now=clock.now(), progress=self._progress)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        except (StatementBusy, StatementProfileChanged, StatementDoesNotAddUp) as refused:
            raise CommandError(refused.message) from None
        if taken.status == FileStatus.REJECTED:
            raise CommandError(_complaint(taken))
        self._tell(taken)

    def _progress(self, what: str, done: int, total: int) -> None:
        """A bar that is written over, so that a long run shows where it is and how fast it goes."""
        now = time.monotonic()
        if what != self._phase:
            self._phase, self._phase_at, self._phase_from = what, now, done
        if now - self._shown_at < SHOW_EVERY_S and done != total:
            return
        self._shown_at = now
        filled = BAR * done // total if total else 0
        bar, share = (f" [{'#' * filled:.<{BAR}}]", f" of {total:,}") if total else ("", "")
        rate = (done - self._phase_from) / max(now - self._phase_at, SHOW_EVERY_S)
        end = "\n" if total and done == total else "\r"
        self.stderr.write(f"{what}{bar}: line {done:,}{share}, {rate:,.0f}/s   ", ending=end)

    def _tell(self, file: StatementFile) -> None:
        seconds, report = time.monotonic() - self._began_at, file.report
        self.stdout.write(f"{file.file_name}: {file.status}, {file.lines_total:,} lines, {seconds:.1f} s")
        for entry in report["sums"]:
            self._tell_sums(entry["outcome"], entry)
        self.stdout.write("  which adds up to what was read:")
        for entry in report["totals"]:
            self._tell_sums("", entry)
        for name, count, sums in (
            ("missing_in_provider", "missing_in_provider", "missing_sums"),
            ("not told yet (timing)", "timing", "timing_sums"),
        ):
            amounts = ", ".join(f"{each['amount_minor']:,} {each['currency']}" for each in report[sums])
            self.stdout.write(f"  {name:<41} {report[count]:>9,} {amounts:>20}".rstrip())

    def _tell_sums(self, outcome: str, entry: dict[str, Any]) -> None:
        """Minor units, which is said once by the help."""
        self.stdout.write(
            f"  {outcome:<20} {entry['kind']:<20} {entry['lines']:>9,}"
            f" {entry['amount_minor']:>16,} {entry['currency']}, fees {entry['fee_minor']:,}"
            f" and net {entry['net_minor']:,} {entry['settled_currency']}"
        )


def _profile(options: dict[str, Any]) -> Profile:
    """The profile by its name or from its file. Raises CommandError."""
    name = options["profile"]
    given = {"encoding": options["encoding"], "time_zone": options["time_zone"]}
    try:
        found = PROFILES.get(name) or declared_profile(Path(name).read_text(encoding="utf-8"))
        return found.adjusted(**{key: value for key, value in given.items() if value})
    except FileNotFoundError:
        raise CommandError(f"there is no profile and no file {name!r}") from None
    except (OSError, UnicodeDecodeError, MappingMalformed, ValueError) as error:
        raise CommandError(f"the profile {name!r} cannot be used: {error}") from None


def _complaint(file: StatementFile) -> str:
    """Which lines cannot be read, and why."""
    faults = [
        f"  line {each['line']}: {each['message']} ({each['code']})" for each in file.faults[:SHOWN_FAULTS]
    ]
    more = len(file.faults) - SHOWN_FAULTS
    faults += [f"  and {more:,} more, in the console"] if more > 0 else []
    return "\n".join([f"{file.file_name} is refused and nothing of it was taken:", *faults])
