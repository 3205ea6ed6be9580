"""The pages for who is not signed in..."""

import re
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.test import Client

from kernel import clock
from mpac.portal.db import atomic
from mpac.portal.domain.authority import EVERYTHING, Person
from mpac.portal.domain.roles import Role
from mpac.portal.models import Invitation, Mail, Membership, User
from mpac.portal.services.invitations import invite_person
from mpac.portal.services.mails import send_mail
from mpac.portal.services.memberships import Wanted
from tests.portal.factories import SEED, audited
from tests.portal.members import later, make_user
from tests.portal.test_admin import PASSWORD, make_person, sign_in

ACCEPT, ASK, CHOOSE = (f"/admin/account/{name}" for name in ("invitation", "forgotten", "password"))
EMAIL = "guest@example.com"


def send_mails() -> None:
    with atomic(SEED):
        waiting = list(Mail.objects.filter(sent_at__isnull=True).values_list("pk", flat=True))
    for mail_id in waiting:
        send_mail(mail_id=mail_id, now=clock.now())


def secret_in_mail(path: str) -> str:
    """What the link of the last mail carries behind its `#`."""
    send_mails()
    [link] = re.findall(r"^http\S+#\S+$", mail.outbox[-1].body, re.MULTILINE)
    found = urlsplit(link)
    assert (found.path, found.query) == (path, "")
    return found.fragment


def invite(tenant, role=Role.PSP_ADMIN, **place):
    wanted = Wanted(role=role, psp_id=tenant.psp.id, **place)
    by = Person(make_user().pk, EVERYTHING)
    make = {"scope": SEED, "by": by, "email": EMAIL, "full_name": "", "wanted": wanted}
    with atomic(SEED):
        Membership.objects.create(user_id=by.user_id, role=Role.PLATFORM_OPERATOR)
    invite_person(**make, now=clock.now())
    return secret_in_mail(ACCEPT)


def words(answer) -> str:
    return answer.content.decode()


def members():
    with atomic(SEED):
        return list(Membership.objects.filter(user__email=EMAIL).values_list("role", flat=True))


def test_let_somebody_new_take_a_role_with_a_name_and_a_password_of_their_own(tenant):
    secret, client = invite(tenant), Client()
    assert "You are invited" in words(client.get(ACCEPT))
    form = {"secret": secret, "full_name": "Guest", "password": ""}
    assert "choose one" in words(client.post(ACCEPT, form))
    assert "too short" in words(client.post(ACCEPT, form | {"password": "short"}))
    assert "known from leaks" in words(client.post(ACCEPT, form | {"password": "password1234"}))
    assert "choose one" in words(client.post(ACCEPT, form | {"password": PASSWORD, "full_name": ""}))
    assert members() == []
    done = client.post(ACCEPT, form | {"password": PASSWORD})
    assert 'href="/admin/login/"' in words(done)
    assert members() == ["psp_admin"]
    with atomic(SEED):
        assert User.objects.get(email=EMAIL).full_name == "Guest"
    _, answer = sign_in(EMAIL)
    assert answer.headers["Location"].startswith("/admin/login/code/")


def test_take_the_password_of_who_has_an_account_and_no_other(tenant):
    make_person(Role.AUDITOR, name="guest", psp_id=tenant.psp.id)
    with atomic(SEED):
        User.objects.filter(email="guest-1@example.com").update(email=EMAIL)
    form = {"secret": invite(tenant)}
    refused = Client().post(ACCEPT, form | {"password": "another horse battery"})
    assert "The link is not valid" in words(refused)
    assert members() == ["auditor"]
    assert "The role is yours" in words(Client().post(ACCEPT, form | {"password": PASSWORD}))
    assert members() == ["auditor", "psp_admin"]


def test_tell_who_works_at_a_terminal_that_there_is_no_console_for_them(tenant):
    place = {"merchant_id": tenant.merchant.id, "store_id": tenant.store.id}
    form = {"secret": invite(tenant, Role.CASHIER, **place), "full_name": "Guest", "password": PASSWORD}
    done = words(Client().post(ACCEPT, form))
    assert "at the terminals" in done
    assert 'href="/admin/login/"' not in done


@pytest.mark.parametrize("secret", ["inv_nonsense", "x" * 201, "\u0000", " "])
def test_refuse_a_link_that_is_none(tenant, secret):
    before = len(audited())
    answer = Client().post(ACCEPT, {"secret": secret, "full_name": "Guest", "password": PASSWORD})
    assert answer.status_code == 200
    assert 'class="error' in words(answer)
    assert len(audited()) == before


def test_refuse_a_link_that_is_too_old(tenant):
    secret = invite(tenant)
    with later(8 * 86_400):
        answer = Client().post(ACCEPT, {"secret": secret, "full_name": "Guest", "password": PASSWORD})
    assert "The link is not valid" in words(answer)
    with atomic(SEED):
        assert Invitation.objects.get().status == "pending"


def test_let_somebody_choose_a_new_password_once(tenant):
    email, secret = make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id)
    client = Client()
    known = client.post(ASK, {"email": email}, follow=True)
    code = secret_in_mail(CHOOSE)
    unknown = Client().post(ASK, {"email": "nobody@example.com"}, follow=True)
    said = "If there is an account with this address"
    assert said in words(known)
    assert said in words(unknown)
    send_mails()
    assert len(mail.outbox) == 1
    assert "too short" in words(client.post(CHOOSE, {"secret": code, "new_password": "short"}))
    chosen = {"secret": code, "new_password": "a wholly new sentence"}
    done = client.post(CHOOSE, chosen)
    assert done.headers["Location"] == "/admin/login/"
    assert client.cookies["mpac_device"]["path"] == "/admin/"
    assert "new password" in words(client.get("/admin/login/"))
    again = client.post(CHOOSE, chosen | {"new_password": "another new sentence"})
    assert 'class="errornote"' in words(again)
    _, answer = sign_in(email, secret, password="a wholly new sentence", client=client)
    assert answer.headers["Location"] == "/admin/"


@pytest.mark.parametrize("path", [ACCEPT, ASK, CHOOSE, "/admin/login/", "/admin/login/code/"])
def test_come_from_here_alone_and_are_kept_nowhere(database, path):
    client = Client(enforce_csrf_checks=True)
    answer = client.get(path)
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r'(?:src|href|action)="(?!/|#|data:image/svg)', words(answer))
    assert not re.search(r"<script(?![^>]* src=)", words(answer))
    assert client.post(path, {"email": EMAIL}).status_code == 403
    assert client.put(path).status_code in {403, 405}


@pytest.mark.parametrize(("path", "form"), [(ACCEPT, {"secret": "inv_x"}), (ASK, {"email": EMAIL})])
def test_let_nobody_try_without_end(database, settings, path, form):
    settings.MPAC_RATE_LIMITS = settings.MPAC_RATE_LIMITS | {"sign_in_address": 2}
    answers = [words(Client().post(path, form | {"password": PASSWORD}, follow=True)) for _ in range(3)]
    assert ["Too many tries" in each for each in answers] == [False, False, True]
