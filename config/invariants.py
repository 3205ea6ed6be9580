"""Every invariant of the platform: those that hold in each context, and those that a context states about itself."""

from typing import Any

import httpx2
from django.conf import settings

from kernel import invariants
from kernel.db import ContextDb
from kernel.invariants import Invariant
from mpac.audit import api as audit
from mpac.pgw import api as pgw
from mpac.smarttab import api as smarttab
from mpac.sync import api as sync

TRUTH_TIMEOUT_S = 10.0


def all_invariants() -> list[Invariant]:
    """All of them, in the order of their codes. Only a simulated bank shows its books."""
    databases = {name: ContextDb(name, alias=alias) for name, alias in settings.MPAC_CONTEXTS.items()}
    found = [each for db in databases.values() for each in invariants.common(db)]
    found += [*pgw.invariants(), *smarttab.invariants(), *sync.invariants(), *audit.invariants()]
    if settings.MPAC_ENV == "local":
        name = "the bank's truth is the gateway's"
        found.append(Invariant("I8", name, databases["pgw"], simulated_bank_differences))
    return sorted(found, key=lambda each: (int(each.code[1:]), each.db.name))


def simulated_bank_differences() -> list[tuple[Any, ...]]:
    """What the simulator's books and the gateway's do not agree on; a simulator that is away proves nothing."""
    try:
        with httpx2.Client(timeout=TRUTH_TIMEOUT_S, trust_env=False) as http:
            truth = http.get(f"{settings.MPAC_SIMULATOR_URL}/__truth").raise_for_status().json()
    except httpx2.HTTPError as error:
        return [("the simulator could not be asked", repr(error))]
    return pgw.bank_differences(charges=truth["charges"], refunds=truth["refunds"])
