"""`manage.py verify_audit_chain`: check every record of the audit trail; exits 1 and names the record that is wrong."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand

from kernel import clock
from mpac.audit.dto import ChainReport, KnownHead
from mpac.audit.services.verification import list_chains, verify_chain

HEAD_PARTS = 3
DIGEST_LENGTH = 64


class Command(BaseCommand):
    """The heads that it prints are worth noting outside the database: `--head` holds them against the chains later."""

    help = "Check the hash chains of the audit trail, from the first record that is still here to the last."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--psp", type=int, action="append", help="only this PSP's chain; 0 is the platform's"
        )
        parser.add_argument("--resume", action="store_true", help="begin where the last check came to")
        parser.add_argument(
            "--head",
            type=known_head,
            action="append",
            default=[],
            metavar="PSP:SEQUENCE:DIGEST",
            help="a head that was noted: the chain must still hold it; may be repeated",
        )

    def handle(
        self, *_args: Any, psp: list[int] | None, resume: bool, head: list[KnownHead], **_options: Any
    ) -> None:
        noted = {known.psp_id for known in head}
        chains = psp or sorted({*list_chains(), *noted})
        reports = [
            verify_chain(
                psp_id=psp_id,
                resume=resume
                and psp_id not in noted,  # a noted head may lie before where the last check came to
                known=head,
                keep=True,
                progress=self._tell,
                now=clock.now(),
            )
            for psp_id in chains
        ]
        for report in reports:
            self._conclude(report)
        broken = sum(report.fault is not None for report in reports)
        self.stdout.write(f"{len(reports)} chains, {broken} broken.")
        if broken:
            raise SystemExit(1)

    def _tell(self, psp_id: int, sequence: int, head: int) -> None:
        self.stdout.write(f"       PSP {psp_id}: {sequence} of {head}")

    def _conclude(self, report: ChainReport) -> None:
        head = f"{report.psp_id}:{report.sequence}:{report.digest}"
        if report.fault is None:
            self.stdout.write(f"ok     {head} ({report.checked} checked)")
            return
        fault = report.fault
        record = f"record {fault.sequence}" + (f", {fault.event_id}" if fault.event_id else "")
        self.stdout.write(f"BROKEN PSP {fault.psp_id}, {record}: {fault.words}. Its head is {head}")


def known_head(text: str) -> KnownHead:
    """`PSP:SEQUENCE:DIGEST` as an earlier check printed it."""
    parts = text.split(":")
    if len(parts) != HEAD_PARTS or not (parts[0].isdigit() and parts[1].isdigit()):
        msg = "must be PSP:SEQUENCE:DIGEST"
        raise ArgumentTypeError(msg)
    if len(parts[2]) != DIGEST_LENGTH:
        msg = "the digest has 64 characters"
        raise ArgumentTypeError(msg)
    return KnownHead(int(parts[0]), int(parts[1]), parts[2])
