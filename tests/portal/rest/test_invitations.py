"""An invitation..."""

import re

import pytest
from django.core import mail

from kernel import clock
from mpac.portal.db import atomic, db
from mpac.portal.domain.invitations import MOST_A_DAY
from mpac.portal.domain.roles import Role
from mpac.portal.models import Invitation, Mail, Membership, User
from mpac.portal.services.people import create_user
from tests.architecture.world import person_token
from tests.delivery import deliver_all
from tests.portal.factories import SEED, make_store, make_tenant
from tests.portal.members import call, later, make_member

EMAIL, PASSWORD = "somchai@example.com", "correct horse battery"


@pytest.fixture
def admin(tenant):
    return make_member(Role.PSP_ADMIN, tenant)


@pytest.fixture
def manager(tenant):
    return make_member(Role.STORE_MANAGER, tenant)


def invite(api, by, tenant, role="cashier", **more):
    place = {"store_id": tenant.store.id} if role in {"cashier", "store_manager"} else {}
    return by.call(api, "POST", "invitations", {"email": EMAIL, "role": role} | place | more)


def secret_in_mail():
    mail.outbox.clear()
    deliver_all([db])
    return re.search(r"^(inv_\S+)$", mail.outbox[-1].body, re.MULTILINE)[1]


def accept(api, secret, token="", **more):
    body = {"secret": secret, "password": PASSWORD, "full_name": "Somchai"} | more
    return call(api, token, "POST", "invitations/accept", {k: v for k, v in body.items() if v is not None})


def roles_of(email=EMAIL):
    with atomic(SEED):
        return [str(each.role) for each in Membership.objects.filter(user__email=email).order_by("id")]


def code_of(answer):
    return answer.status_code, answer.json().get("code")


def test_makes_an_account_with_the_role(api, tenant, admin):
    made = invite(api, admin, tenant, "merchant_admin", merchant_id=tenant.merchant.id)
    assert made.status_code == 201, made.content
    assert (made.json()["status"], made.json()["email"]) == ("pending", EMAIL)
    secret = secret_in_mail()
    assert mail.outbox[-1].to == [EMAIL]
    assert secret not in made.content.decode()
    accepted = accept(api, secret)
    assert (accepted.status_code, accepted.json()["status"]) == (200, "accepted")
    with atomic(SEED):
        user = User.objects.get(email=EMAIL)
        assert Mail.objects.latest("created_at").secret_sealed == ""
    assert user.check_password(PASSWORD)
    assert user.email_verified_at is not None
    assert (user.full_name, roles_of()) == ("Somchai", ["merchant_admin"])
    assert accept(api, secret).json() == accepted.json()  # a second time, should the first answer be lost
    assert roles_of() == ["merchant_admin"]


def test_is_answered_the_same_whether_the_address_has_an_account(api, tenant, admin):
    create_user(scope=SEED, email="known@example.com", password=PASSWORD, full_name="K", now=clock.now())
    known, unknown = (invite(api, admin, tenant, email=f"{name}@example.com") for name in ("known", "nobody"))
    shown = [
        {name: value for name, value in answer.json().items() if not name.endswith("_at") and name != "id"}
        for answer in (known, unknown)
    ]
    assert known.status_code == unknown.status_code == 201
    assert shown[0] == shown[1] | {"email": "known@example.com"}
    mail.outbox.clear()
    deliver_all([db])
    texts = {re.sub(r"inv_\S+", "", each.body) for each in mail.outbox}
    assert (len(mail.outbox), len(texts)) == (2, 1)


def test_is_accepted_by_an_account_with_its_password_or_its_token(api, tenant, admin):
    user = create_user(scope=SEED, email=EMAIL, password=PASSWORD, full_name="S", now=clock.now())
    invite(api, admin, tenant)
    secret = secret_in_mail()
    for wrong in ("wrong horse battery", None):
        assert code_of(accept(api, secret, password=wrong)) == (403, "invitation_refused")
    assert accept(api, secret, full_name="").status_code == 200
    assert roles_of() == ["cashier"]
    invite(api, admin, tenant, "store_manager")
    secret = secret_in_mail()
    other = make_member(Role.CASHIER, tenant)
    assert code_of(accept(api, secret, other.token, password=None)) == (403, "invitation_refused")
    assert accept(api, secret, person_token(user_id=user.pk), password=None).status_code == 200
    assert roles_of() == ["cashier", "store_manager"]


def test_leads_nowhere_after_too_many_wrong_passwords(api, tenant, admin):
    create_user(scope=SEED, email=EMAIL, password=PASSWORD, full_name="S", now=clock.now())
    invite(api, admin, tenant)
    secret = secret_in_mail()
    with atomic(SEED):
        Invitation.objects.update(failed_tries=9)
    assert accept(api, secret, password="wrong").status_code == 403
    assert code_of(accept(api, secret)) == (403, "invitation_refused")
    assert roles_of() == []


def test_asks_for_a_good_password_and_a_name(api, tenant, admin):
    invite(api, admin, tenant)
    secret = secret_in_mail()
    for wrong in ({"password": "short"}, {"password": None}, {"full_name": ""}, {"full_name": "a\u0000"}):
        assert accept(api, secret, **wrong).status_code == 400, wrong
    assert roles_of() == []
    assert accept(api, secret).status_code == 200


def test_ends_after_seven_days_when_withdrawn_and_when_sent_again(api, tenant, admin):
    made = invite(api, admin, tenant).json()
    first = secret_in_mail()
    assert code_of(invite(api, admin, tenant)) == (409, "already_invited")
    assert admin.call(api, "POST", f"invitations/{made['id']}/resend").status_code == 200
    second = secret_in_mail()
    assert code_of(accept(api, first)) == (403, "invitation_refused")
    with later(7 * 86400 + 1):
        assert code_of(accept(api, second)) == (403, "invitation_refused")
    assert admin.call(api, "POST", f"invitations/{made['id']}/withdraw").json()["status"] == "withdrawn"
    assert code_of(accept(api, second)) == (403, "invitation_refused")
    assert code_of(accept(api, "inv_nobody-ever-issued-this-one")) == (403, "invitation_refused")
    for step in ("resend", "withdraw"):
        assert admin.call(api, "POST", f"invitations/{made['id']}/{step}").status_code == 409
    assert roles_of() == []


def test_is_not_mailed_without_end(api, tenant, admin):
    made = invite(api, admin, tenant).json()
    with atomic(SEED):
        Invitation.objects.update(times_sent=10)
    assert admin.call(api, "POST", f"invitations/{made['id']}/resend").status_code == 409


def test_offers_only_what_the_inviter_holds(api, tenant, admin, manager):
    for role in ("merchant_admin", "psp_admin", "auditor", "platform_operator"):
        place = {"merchant_id": tenant.merchant.id} if role == "merchant_admin" else {}
        assert invite(api, manager, tenant, role, **place).status_code == 403, role
    merchant_admin = make_member(Role.MERCHANT_ADMIN, tenant)
    assert invite(api, merchant_admin, tenant, "store_manager").status_code == 201
    assert code_of(invite(api, merchant_admin, tenant, "psp_admin", psp_id=tenant.psp.id)) == (
        403,
        "beyond_own_rights",
    )
    assert code_of(invite(api, admin, tenant, "platform_operator")) == (403, "beyond_own_rights")
    foreign = make_store(make_tenant().merchant)
    for store_id in (foreign.id, 2_000_000_000):
        assert code_of(invite(api, admin, tenant, store_id=store_id)) == (404, "not_found")
    assert code_of(invite(api, admin, tenant, "cashier", store_id=None, merchant_id=tenant.merchant.id)) == (
        400,
        "invalid",
    )


def test_gives_nothing_when_who_invited_has_lost_the_role(api, tenant, admin):
    operator, second = make_member(Role.PLATFORM_OPERATOR, tenant), make_member(Role.PSP_ADMIN, tenant)
    invite(api, second, tenant)
    secret = secret_in_mail()
    assert operator.call(api, "DELETE", f"users/{second.id}").status_code == 200
    assert code_of(accept(api, secret)) == (403, "invitation_refused")
    with atomic(SEED):
        assert not User.objects.filter(email=EMAIL).exists()


def test_does_not_fill_a_mailbox_by_being_taken_back_and_made_again(api, tenant, admin):
    answers = []
    for _ in range(MOST_A_DAY + 1):
        answers.append(invite(api, admin, tenant))
        admin.call(api, "POST", f"invitations/{answers[-1].json().get('id')}/withdraw")
    assert [answer.status_code for answer in answers] == [201] * MOST_A_DAY + [429]
    assert answers[-1].json()["code"] == "rate_limited"
