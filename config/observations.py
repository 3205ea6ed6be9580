"""Everything that is measured when figures are asked for: the same in each context, and what a context adds."""

from django.conf import settings

from kernel import observations
from kernel.db import ContextDb
from kernel.observations import Observation
from mpac.pgw import api as pgw


def all_observations() -> list[Observation]:
    """All of them, context by context."""
    databases = [ContextDb(name, alias=alias) for name, alias in settings.MPAC_CONTEXTS.items()]
    found = [each for db in databases for each in observations.common(db)]
    return [*found, *pgw.observations()]
