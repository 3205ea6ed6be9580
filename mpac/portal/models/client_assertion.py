"""Used client assertions: a `jti` counts once."""

from django.db import models

from kernel.models import StoreModel
from kernel.schema import TableRules


class ClientAssertion(StoreModel):
    """The memory of one used assertion, kept until the assertion itself has expired.

    It has no foreign key to its device: the row is made by a statement that selects from that very device, and checking
    a key would lock the device's row for every token.
    """

    device_id = models.UUIDField()
    jti = models.TextField()
    expires_at = models.DateTimeField(db_index=True)

    rules = TableRules(tenant="store", deletable=True)

    class Meta(StoreModel.Meta):
        db_table = "client_assertions"
        constraints = (
            # Two requests with one assertion race for this row; the loser gets no token.
            models.UniqueConstraint(fields=["merchant_id", "device_id", "jti"], name="portal_assertion_once"),
        )

    def __str__(self) -> str:
        return str(self.id)
