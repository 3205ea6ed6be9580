"""People. A person belongs to no tenant; memberships say where they may act."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from kernel import clock
from kernel.audit import record
from kernel.schema import TableRules
from kernel.tenancy import Scope, SystemScope, TenantScope, current_scope
from mpac.portal.db import atomic, db
from mpac.portal.domain.roles import Role
from mpac.portal.models.login import FormerPassword
from mpac.portal.models.membership import Membership


class UserManager(BaseUserManager["User"]):
    """Creates people with hashed passwords and finds them by address, whatever its capitals."""

    def create_user(self, *, email: str, password: str | None, full_name: str, now: dt.datetime) -> "User":
        user = self.model(email=email.strip().lower(), full_name=full_name, created_at=now)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):  # type: ignore[django-manager-missing]  # authenticators: django-otp has no types
    """A person who signs in with an e-mail address and a password.

    `phone_number` is what they say: nobody has checked it, and nothing is sent to it or proved by it. So it is not unique, for
    a refusal would tell one provider's people whom another one employs, and let anybody keep a number from its owner.
    """

    id = models.AutoField(primary_key=True)
    email = models.EmailField(unique=True)
    full_name = models.TextField(default="")
    phone_number = models.TextField(default="", blank=True)
    is_active = models.BooleanField(default=True)
    email_verified_at = models.DateTimeField(null=True)
    deactivated_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)

    objects: ClassVar[UserManager] = UserManager()
    rules = TableRules(tenant=None, reason="a person may be a member of several tenants")

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "users"
        constraints = (
            # One person an address, whatever its capitals: it is kept in small letters.
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="portal_user_email_lower"),
        )

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Whoever sets a new password, a service or the console's own page, leaves a record of it."""
        chosen = self._password is not None  # type: ignore[attr-defined]  # Django's own mark
        replaced = chosen and not self._state.adding
        with atomic(current_scope(db.alias) or SystemScope("authentication")):
            super().save(*args, **kwargs)
            if chosen:
                FormerPassword.remember(self.pk, self.password, now=clock.now())
            if replaced:
                before, after = {"password": "the old one"}, {"password": self.password}
                record(db, "user.password_set", self, before=before, after=after, now=clock.now())

    def memberships_held(self) -> tuple[Membership, ...]:
        """This person's memberships at places that do business, read once and kept with the object."""
        held: tuple[Membership, ...] | None = self.__dict__.get("_memberships_held")
        if held is None:
            with atomic(SystemScope("authentication")):
                rows = Membership.objects.filter(user_id=self.pk).select_related("custom_role")
                held = tuple(each for each in rows.order_by("id") if each.does_business())
            self.__dict__["_memberships_held"] = held
        return held

    @property
    def is_staff(self) -> bool:
        """Whether this person may enter the console at all."""
        return self.is_active and bool(self._console_memberships())

    def _console_memberships(self) -> list[Membership]:
        return [held for held in self.memberships_held() if "console:enter" in held.permissions]

    @property
    def is_platform_operator(self) -> bool:
        held = self.memberships_held()
        return self.is_active and any(membership.role == Role.PLATFORM_OPERATOR for membership in held)

    def console_scope(self) -> Scope | None:
        """Whose rows this person sees in the console: all for operators, else one tenant as wide as their roles reach.

        With memberships in several tenants the first one counts. None means no console.
        """
        if self.is_platform_operator:
            return SystemScope("console")
        if not self.is_staff:
            return None
        return widest_scope(self._console_memberships())

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Whoever may enter the console may look; what may be done in it, and to this row, hangs on role and level."""
        if not self.is_staff:
            return False
        if perm.rpartition(".")[2].startswith("view_"):
            return True
        return any(
            perm in held.permissions and (obj is None or held.covers(obj)) for held in self.memberships_held()
        )

    def has_perms(self, perm_list: list[str], obj: Any = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, _app_label: str) -> bool:
        return self.is_staff


def widest_scope(held: Sequence[Membership]) -> TenantScope | None:
    """The scope that the first membership's tenant is seen in: a wider membership in it swallows the narrower ones."""
    psp_id = held[0].psp_id
    if psp_id is None:
        return None
    held = [membership for membership in held if membership.psp_id == psp_id]
    merchant_id = held[0].merchant_id
    if merchant_id is None or any(membership.merchant_id is None for membership in held):
        return TenantScope(psp_id)
    stores = {membership.store_id for membership in held if membership.merchant_id == merchant_id}
    if None in stores:
        return TenantScope(psp_id, merchant_id)
    return TenantScope(psp_id, merchant_id, tuple(sorted(store for store in stores if store is not None)))
