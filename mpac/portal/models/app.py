"""Apps that terminals run, and their releases: who owns them, who may sign them, and what was proved about each file."""

from typing import Any, ClassVar

from django.db import models

from kernel import clock, ids
from kernel.schema import Parent, TableRules
from kernel.tenancy import NoTenantScope, SystemScope, current_scope

PREFIX, RELEASE = "app", "rel"


class SharedManager(models.Manager[Any]):
    """A provider's own rows and the platform's, which everybody may see; of the caller's mode, or of both."""

    def get_queryset(self) -> models.QuerySet[Any]:
        queryset = super().get_queryset()
        scope = current_scope(queryset.db)
        if scope is None:
            msg = f"{self.model.__name__} was queried outside a scoped transaction"
            raise NoTenantScope(msg)
        if isinstance(scope, SystemScope):
            return queryset
        queryset = queryset.filter(models.Q(psp_id=scope.psp_id) | models.Q(psp_id=None))
        if scope.livemode is None:
            return queryset
        return queryset.filter(models.Q(livemode=scope.livemode) | models.Q(livemode=None))


class SharedModel(models.Model):
    """A row of a provider, or of the platform for all. What a key makes is of its mode; what a person makes, of both."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    psp_id = models.IntegerField(null=True)
    livemode = models.BooleanField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    objects: ClassVar[Any] = SharedManager()

    class Meta:
        abstract = True
        default_manager_name = "objects"


class App(SharedModel):
    """An Android package. `signers` are the SHA-256 digests of the certificates that may sign it, in hex."""

    package = models.TextField()
    name = models.TextField()
    channels = models.JSONField()
    signers = models.JSONField()
    # Rises with every release, so that no two uploads can both be the next.
    version_code = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField()

    rules = TableRules(tenant="psp", shared=True, parents=(Parent("psp_id", "psps"),))

    class Meta(SharedModel.Meta):
        db_table = "apps"
        constraints = (
            # A package is one app of its owner in each mode; and either the platform's or providers', which services see to.
            models.UniqueConstraint(
                fields=["psp_id", "package", "livemode"], name="portal_app_package", nulls_distinct=False
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.package})"

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)


class AppRelease(SharedModel):
    """A file that was proved to be a version of its app. Nothing about it ever changes but what is said of it, its notes."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="releases")
    version_code = models.BigIntegerField()
    version_name = models.TextField()
    min_sdk = models.IntegerField()
    signature_scheme = models.SmallIntegerField()
    signers = models.JSONField()
    sha256 = models.TextField()
    size_bytes = models.BigIntegerField()
    notes = models.TextField(default="")
    uploaded_by = models.TextField()

    rules = TableRules(
        tenant="psp",
        shared=True,
        append_only=True,
        editable=("notes",),
        parents=(Parent("psp_id", "psps"), Parent("app_id", "apps")),
    )

    class Meta(SharedModel.Meta):
        db_table = "app_releases"
        constraints = (
            # A version is uploaded once.
            models.UniqueConstraint(
                fields=["psp_id", "app", "version_code"], name="portal_release_once", nulls_distinct=False
            ),
            # The JAR signature alone (v1) proves too little.
            models.CheckConstraint(condition=models.Q(signature_scheme__gte=2), name="portal_release_scheme"),
        )

    def __str__(self) -> str:
        return f"{self.version_name or self.version_code}"

    @property
    def public_id(self) -> str:
        return ids.encode(RELEASE, self.id)

    @property
    def stored_as(self) -> str:
        """The file's name in the store: by its contents, so that the same upload twice is the same file."""
        return f"{self.app_id}/{self.sha256}.apk"
