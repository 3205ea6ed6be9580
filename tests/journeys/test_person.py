"""The whole life of a person over HTTP: invited, taken in, granted, at work, acted as, without the role, gone."""

import re

from django.core import mail

from mpac.portal.db import db
from mpac.portal.domain.roles import Role
from tests.delivery import deliver_all
from tests.portal.factories import audited, make_tenant
from tests.portal.members import call, later, make_member

EMAIL, PASSWORD = "malee@example.com", "correct horse battery"


def done(answer, status=200):
    assert answer.status_code == status, answer.content
    return answer.json()


def sign_in(api):
    login = {"email": EMAIL, "password": PASSWORD}
    return done(call(api, "", "POST", "auth/login", login))["access_token"]


def take_in(api, admin, place):
    """Invite her, and let her accept by the mail she gets."""
    invited = {"email": EMAIL, "role": "cashier"} | place
    done(admin.call(api, "POST", "invitations", invited), 201)
    deliver_all([db])
    secret = re.search(r"^(inv_\S+)$", mail.outbox[-1].body, re.MULTILINE)[1]
    accepted = {"secret": secret, "full_name": "Malee", "password": PASSWORD}
    assert done(call(api, "", "POST", "invitations/accept", accepted))["status"] == "accepted"


def test_a_person_comes_works_and_goes(api):
    tenant = make_tenant()
    operator, admin = make_member(Role.PLATFORM_OPERATOR, tenant), make_member(Role.PSP_ADMIN, tenant)
    place, store = {"store_id": tenant.store.id}, f"stores/{tenant.store.id}"

    take_in(api, admin, place)
    token = sign_in(api)
    me = done(call(api, token, "GET", "users/me"))
    assert (me["full_name"], [held["role"] for held in me["memberships"]]) == ("Malee", ["cashier"])
    assert (
        call(api, token, "POST", f"{store}/devices", {"name": "T", "serial_number": "SN-1"}).status_code
        == 403
    )

    # A role of the provider's own, which lets her look after terminals.
    role = done(
        admin.call(api, "POST", "roles", {"name": "Fleet", "permissions": ["devices:read", "devices:write"]}),
        201,
    )
    granted = {"role": "custom", "role_id": role["id"]} | place
    held = done(admin.call(api, "POST", f"users/{me['id']}/memberships", granted), 201)
    token = sign_in(api)
    done(call(api, token, "POST", f"{store}/devices", {"name": "T", "serial_number": "SN-1"}), 201)

    # Her administrator looks through her eyes, and both of them are in the record.
    why = {"user_id": me["id"], "reason": "cannot see a till", "ticket": "HELP-1"}
    begun = done(admin.call(api, "POST", "impersonations", why), 201)
    borrowed = done(admin.call(api, "POST", f"impersonations/{begun['id']}/token"))["access_token"]
    assert done(call(api, borrowed, "GET", "users/me"))["impersonated_by"] == admin.id
    assert (
        call(api, borrowed, "POST", f"{store}/devices", {"name": "T", "serial_number": "SN-2"}).status_code
        == 403
    )

    # Without the role, tokens that carry it are refused within five seconds, hers and the borrowed one.
    done(admin.call(api, "DELETE", f"users/{me['id']}/memberships/{held['id']}"))
    with later(5):
        assert call(api, token, "GET", "users/me").status_code == 401
        assert call(api, borrowed, "GET", "users/me").status_code == 401
    token = sign_in(api)
    assert "devices:write" not in done(call(api, token, "GET", "users/me"))["permissions"]

    done(operator.call(api, "DELETE", f"users/{me['id']}"))
    with later(5):
        assert call(api, token, "GET", "users/me").status_code == 401
    assert call(api, "", "POST", "auth/login", {"email": EMAIL, "password": PASSWORD}).status_code == 401
    assert {
        *(
            "invitation.made",
            "invitation.accepted",
            "membership.granted",
            "role.created",
            "device.registered",
        ),
        *("impersonation.started", "impersonation.ended", "membership.withdrawn", "user.deactivated"),
    } <= {record["action"] for record in audited()}
