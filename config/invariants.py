"""Every invariant of the platform: those that hold in each context, and those that a context states about itself."""

from django.conf import settings

from kernel import invariants
from kernel.db import ContextDb
from kernel.invariants import Invariant
from mpac.pgw import api as pgw
from mpac.smarttab import api as smarttab
from mpac.sync import api as sync


def all_invariants() -> list[Invariant]:
    """All of them, in the order of their codes."""
    databases = {name: ContextDb(name, alias=alias) for name, alias in settings.MPAC_CONTEXTS.items()}
    found = [each for db in databases.values() for each in invariants.common(db)]
    found += [*pgw.invariants(), *smarttab.invariants(), *sync.invariants()]
    return sorted(found, key=lambda each: (int(each.code[1:]), each.db.name))
