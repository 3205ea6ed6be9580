"""The console as a whole: nobody sees a page without signing in, everything leads somewhere, nothing is out of reach."""

import re
import warnings

import pyotp
import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.core import checks
from django.db import models
from django.test import Client
from django.urls import reverse

from kernel import clock, ids
from kernel.admin import ConsoleAdmin, ConsoleSite
from kernel.admin.login import REFUSED
from kernel.middleware import ConsoleOnly
from kernel.tenancy import SystemScope
from mpac.portal.db import db
from mpac.portal.domain.roles import Role
from mpac.portal.models import OutboxMessage
from tests.portal.test_admin import PASSWORD, make_person, sign_in

PAGES = list(admin.site._registry.items())
OWN = [config.label for config in apps.get_app_configs() if config.label in settings.MPAC_CONTEXTS]
# Filters by these ask for every value there is, which is fine in tables of few rows alone.
SMALL = {
    "Psp",
    "Merchant",
    "Store",
    "ProviderConfig",
    "StoreProviderConfig",
    "JobRun",
    "TaxRate",
    "Membership",
}
ONE_ROW = "01a1fd40-a586-7121-a85f-624b1fbf51d9"


def addresses():
    for model, _page in PAGES:
        opts = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{opts}_changelist")
        yield reverse(f"{opts}_add")
        for what in ("change", "delete", "history"):
            yield reverse(f"{opts}_{what}", args=[ONE_ROW])
    for label in OWN:
        yield reverse("admin:app_list", args=[label])
    for name in ("index", "find", "password_change", "password_change_done", "jsi18n", "autocomplete"):
        yield reverse(f"admin:{name}")
    yield "/admin/nothing/here/"
    yield "/admin/portal/device/dev_nonsense/change/"


@pytest.fixture
def operator(tenant):
    return sign_in(*make_person(Role.PLATFORM_OPERATOR))[0]


def code_of(secret):
    return pyotp.TOTP(secret).now()


def try_to_sign_in(email, password, code):
    form = {"username": email, "password": password, "otp_token": code, "next": "/admin/"}
    return Client().post("/admin/login/", form)


@pytest.mark.parametrize("method", ["get", "post"])
def test_sends_everybody_to_the_login_page_first(tenant, method):
    for address in addresses():
        answer = getattr(Client(raise_request_exception=False), method)(address)
        assert answer.status_code == 302, address
        assert answer.headers["Location"].startswith("/admin/login/"), address


def test_login_page_is_there_for_who_is_nobody(tenant):
    answer = Client(raise_request_exception=False).get("/admin/login/")
    assert answer.status_code == 200
    assert "One-time code" in answer.content.decode()


def test_shows_the_front_page_with_every_list_and_an_own_name_for_each(operator):
    page = operator.get("/admin/").content.decode()
    for model, _page in PAGES:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert page.count(f'href="{address}"') == 1
    assert page.index("Orders") < page.index("Payment intents") < page.index("PSPs") < page.index("Plumbing")
    assert "Nothing waits for a person." in page
    assert "all tenants" in page
    for label in OWN:
        assert operator.get(reverse("admin:app_list", args=[label])).status_code == 200


def test_shows_beside_a_page_the_lists_of_its_context(operator):
    page = operator.get("/admin/portal/psp/").content.decode()
    assert 'href="/admin/portal/store/"' in page
    assert 'href="/admin/pgw/refund/"' not in page
    assert 'href="/admin/pgw/refund/"' in operator.get("/admin/pgw/capture/").content.decode()


def test_has_a_page_of_its_own_kind_for_every_table_of_every_context():
    tables = {model for label in OWN for model in apps.get_app_config(label).get_models()}
    assert {model for model, _page in PAGES} == tables
    assert all(isinstance(page, ConsoleAdmin) for _model, page in PAGES)


def test_passes_djangos_own_checks():
    found = checks.run_checks(tags=["admin"])
    assert [fault for fault in found if fault.id not in settings.SILENCED_SYSTEM_CHECKS] == []


@pytest.mark.parametrize(("model", "page"), PAGES, ids=[model._meta.label for model, _page in PAGES])
def test_filters_of_large_tables_never_ask_for_all_values(model, page):
    if model.__name__ in SMALL:
        return
    for name in page.list_filter:
        if isinstance(name, tuple) or (isinstance(name, type) and issubclass(name, SimpleListFilter)):
            continue  # such a filter says itself what there is
        field = model._meta.get_field(name)
        assert field.choices or isinstance(field, models.BooleanField | models.DateTimeField), name


@pytest.mark.parametrize(("model", "page"), PAGES, ids=[model._meta.label for model, _page in PAGES])
def test_references_are_columns_and_lead_to_pages(model, page):
    kinds = {other.kind for _model, other in PAGES}
    for name, kind in page.references.items():
        assert model._meta.get_field(name)
        assert not isinstance(kind, str) or kind in kinds | {"cus"}


def test_calls_each_kind_of_row_by_one_name_within_a_context():
    named = [page.kind for _model, page in PAGES if page.kind and not page.plumbing]
    assert len(named) == len(set(named))


def test_finds_anything_by_its_identifier(operator, terminal):
    answer = operator.get("/admin/find", {"id": f" {terminal.client_id} "})
    shown = operator.get(answer.headers["Location"])
    assert shown.status_code == 200
    assert terminal.client_id in shown.content.decode()


@pytest.mark.parametrize(
    "text", ["", "dev_", "x", "cus_01m7ym198nfnwrg0xfa2fyvhwb", "<script>alert(1)</script>"]
)
def test_says_so_when_there_is_no_such_page(operator, text):
    answer = operator.get("/admin/find", {"id": text}, follow=True)
    assert answer.status_code == 200
    assert "is no identifier that has a page here" in answer.content.decode()
    assert "<script>alert" not in answer.content.decode()


def test_finds_rows_by_bare_uuids_as_well(operator, terminal):
    _prefix, key = ids.parse(terminal.client_id)
    assert terminal.client_id in operator.get(f"/admin/portal/device/?q={key}").content.decode()
    assert "0 devices" in operator.get(f"/admin/portal/device/?q={ids.uuid7()}").content.decode()


def test_leads_from_a_row_to_what_names_it(operator, tenant, terminal):
    page = operator.get(f"/admin/portal/store/{tenant.store.id}/change/").content.decode()
    found = re.findall(r'href="(/admin/\w+/\w+/\?store_id__exact=\d+)"', page)
    assert {address.split("/")[3] for address in found} >= {
        "device",
        "order",
        "paymentintent",
        "providerconfig",
    }
    for address in found:
        assert operator.get(address).status_code == 200
    device_lists = operator.get(f"/admin/portal/device/?store_id__exact={tenant.store.id}").content.decode()
    assert terminal.client_id in device_lists


def test_says_what_waits_for_a_person(operator, tenant):
    with db.atomic(SystemScope("seed")):
        OutboxMessage.objects.update(parked_at=clock.now())
        parked = OutboxMessage.objects.count()
    page = operator.get("/admin/").content.decode()
    found = re.search(r'href="([^"]+)">(\d+) events parked in portal<', page)
    assert int(found[2]) == parked
    assert f"{parked} outbox" in operator.get(found[1].replace("&amp;", "&")).content.decode()


def test_refuses_a_password_and_a_code_in_the_same_words(tenant):
    email, secret = make_person(Role.PLATFORM_OPERATOR)
    wrong_password = try_to_sign_in(email, "wrong", code_of(secret))
    wrong_code = try_to_sign_in(email, PASSWORD, "000000")
    nobody = try_to_sign_in("nobody@example.com", PASSWORD, "000000")
    for answer in (wrong_password, wrong_code, nobody):
        page = answer.content.decode()
        assert REFUSED in page
        assert PASSWORD not in page


def test_takes_a_code_once(tenant):
    email, secret = make_person(Role.PLATFORM_OPERATOR)
    code = code_of(secret)
    assert try_to_sign_in(email, PASSWORD, code).status_code == 302
    again = try_to_sign_in(email, PASSWORD, code)
    assert again.status_code == 200
    assert REFUSED in again.content.decode()


def test_lets_nobody_try_without_end(tenant, settings):
    settings.MPAC_RATE_LIMITS = settings.MPAC_RATE_LIMITS | {"sign_in_account": 4}
    email, secret = make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id)
    for _ in range(4):
        assert REFUSED in try_to_sign_in(email, "wrong", "123456").content.decode()
    refused = try_to_sign_in(email.upper(), PASSWORD, code_of(secret))
    assert refused.status_code == 200
    assert "Too many tries" in refused.content.decode()


def test_counts_wrong_codes_like_wrong_passwords(tenant, settings):
    settings.MPAC_RATE_LIMITS = settings.MPAC_RATE_LIMITS | {"sign_in_account": 4}
    email, secret = make_person(Role.PLATFORM_OPERATOR)
    for _ in range(2):
        assert REFUSED in try_to_sign_in(email, PASSWORD, "000000").content.decode()
    assert "Too many tries" in try_to_sign_in(email, PASSWORD, code_of(secret)).content.decode()


def test_takes_the_right_code_at_once_after_a_slip(tenant):
    email, secret = make_person(Role.PLATFORM_OPERATOR)
    assert try_to_sign_in(email, PASSWORD, "000000").status_code == 200
    assert try_to_sign_in(email, PASSWORD, code_of(secret)).status_code == 302


@pytest.mark.parametrize(
    ("path", "status"), [("portal/psp/add/", 403), ("nothing/", 404), ("portal/psp/1/history/", 404)]
)
def test_refuses_people_in_html_and_programs_in_json(operator, api, path, status):
    answer = operator.get(f"/admin/{path}")
    assert answer.status_code == status
    assert "Back to the overview" in answer.content.decode()
    assert api.get("/v1/nothing").headers["Content-Type"] == "application/problem+json"


def test_shows_people_a_page_when_it_breaks(operator, monkeypatch):
    def break_down(*_args):
        msg = "secret detail"
        raise RuntimeError(msg)

    monkeypatch.setattr(ConsoleSite, "pages", break_down)
    operator.raise_request_exception = False
    answer = operator.get("/admin/")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.content.decode()
    assert "secret detail" not in answer.content.decode()


def test_takes_no_code_of_somebody_else(tenant):
    email, _secret = make_person(Role.PLATFORM_OPERATOR)
    _other, others = make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id)
    assert try_to_sign_in(email, PASSWORD, code_of(others)).status_code == 200


def test_changes_the_persons_own_password(operator):
    form = {
        "old_password": PASSWORD,
        "new_password1": "a wholly new sentence",
        "new_password2": "a wholly new sentence",
    }
    assert operator.get("/admin/password_change/").status_code == 200
    assert operator.post("/admin/password_change/", form).status_code == 302
    assert operator.get("/admin/").status_code == 200


def test_tells_staff_whose_rows_they_see(tenant):
    client = sign_in(*make_person(Role.PSP_ADMIN, psp_id=tenant.psp.id))[0]
    assert f"PSP {tenant.psp.id}<" in client.get("/admin/").content.decode()


def test_starts_without_a_complaint_and_has_every_file_that_its_pages_name(operator):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ConsoleOnly(lambda _request: None)
    anonymous = Client()
    pages = [anonymous.get("/admin/login/"), operator.get("/admin/"), operator.get("/admin/portal/psp/")]
    pages.append(anonymous.get("/v1/docs"))
    files = {
        name
        for page in pages
        for name in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.content.decode())
    }
    assert len(files) > 10
    for name in sorted(files):
        answer = anonymous.get(name)
        assert answer.status_code == 200, name
        assert b"".join(answer.streaming_content)


def test_sends_headers_that_keep_a_page_to_itself(operator):
    answer = operator.get("/admin/")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]* src=)", answer.content.decode())
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
