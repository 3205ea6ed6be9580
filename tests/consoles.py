"""What every context's console must do: shared by their tests."""

import re

from django.apps import apps
from django.contrib import admin
from django.db import connections, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from kernel.admin.pages import SECRET
from mpac.portal.domain.roles import Role
from tests.portal.test_admin import make_person, sign_in

Model = type[models.Model]


def pages_of(label: str) -> list[Model]:
    """The models of a context that have a page, by name."""
    return sorted(
        (model for model in admin.site._registry if model._meta.app_label == label), key=lambda m: m.__name__
    )


def tables_of(label: str) -> list[Model]:
    """The models of a context, by name."""
    return sorted(apps.get_app_config(label).get_models(), key=lambda m: m.__name__)


def change_list(model: Model, **query: str) -> str:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{'&'.join(f'{name}={value}' for name, value in query.items())}" if query else address


def operator() -> Client:
    """Somebody who runs the platform."""
    return sign_in(*make_person(Role.PLATFORM_OPERATOR))[0]


def staff_of(psp_id: int) -> Client:
    """Somebody who works for a provider."""
    return sign_in(*make_person(Role.PSP_ADMIN, name=f"staff-{psp_id}", psp_id=psp_id))[0]


def rows_in(text: str, model: Model) -> list[str]:
    """The addresses of the rows that a list shows."""
    return re.findall(rf'<th[^>]*><a href="({change_list(model)}[^"]+/change/[^"]*)"', text)


def look_through(client: Client, model: Model) -> str:
    """Everything that a model's pages show, having checked that they can be read and searched, and not written."""
    text = read(client, change_list(model))
    assert client.get(change_list(model, q="x")).status_code == 200
    add = change_list(model) + "add/"
    assert (client.get(add).status_code, client.post(add, {}).status_code) == (403, 403)
    for row in rows_in(text, model):
        shown = read(client, row)
        assert 'name="_save"' not in shown
        for field in model._meta.concrete_fields:
            assert not (SECRET.search(field.name) and f"field-{field.name}" in shown), field.name
        bare = row.partition("?")[0]
        assert client.post(bare, {"status": "x"}).status_code == 403
        assert client.post(bare.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
        text += shown
    return text


def read(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def count_queries(client: Client, model: Model) -> int:
    """How often a model's list asks its context's database."""
    with CaptureQueriesContext(connections[model._default_manager.db]) as captured:
        read(client, change_list(model))
    return len(captured)
