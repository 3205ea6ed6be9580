"""The keys that sign access tokens."""

from django.db import models

from kernel.models import choices, choices_check
from kernel.schema import TableRules
from mpac.portal.domain.signing_keys import TRANSITIONS, SigningKeyState


class SigningKey(models.Model):
    """An ES256 key pair. The private part is sealed; `kid` is the thumbprint of the public part."""

    kid = models.TextField(primary_key=True)
    state = models.TextField(choices=choices(SigningKeyState))
    public_jwk = models.JSONField()
    private_jwk_sealed = models.TextField()
    created_at = models.DateTimeField()
    activates_at = models.DateTimeField()
    retires_at = models.DateTimeField(null=True)

    rules = TableRules(
        tenant=None,
        reason="the platform signs for all tenants",
        transitions=TRANSITIONS,
        status_field="state",
        sealed=("private_jwk_sealed",),
    )

    class Meta:
        db_table = "signing_keys"
        constraints = (
            choices_check("state", SigningKeyState, "portal_signing_key_state"),
            # Two signing keys at once would be a rotation that went wrong; so would two waiting ones.
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(state__in=[SigningKeyState.NEXT, SigningKeyState.ACTIVE]),
                name="portal_signing_key_one",
            ),
        )

    def __str__(self) -> str:
        return self.kid

    def sealed_for(self) -> str:
        """What this row's private key is bound to."""
        return sealing_place(self.kid)


def sealing_place(kid: str) -> str:
    """What a sealed private key is bound to."""
    return f"portal.signing_keys.private_jwk:{kid}"
