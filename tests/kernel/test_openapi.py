"""The API document ..."""

import re
from dataclasses import replace
from typing import Annotated, ClassVar
from unittest import mock

import msgspec
import orjson
import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.urls import path
from drf_spectacular.generators import SchemaGenerator

from config.docs import openapi_document
from kernel.db import ContextDb
from kernel.rest import Body, Endpoint, View, operation
from kernel.rest.openapi import DocumentError


class ThingView(View):
    name: str
    size: int = 1
    color: str | msgspec.UnsetType = msgspec.UNSET
    object: str = "thing"


class Things(Endpoint):
    callers: ClassVar = frozenset({"device"})
    db = ContextDb("sync", alias="sync")

    @operation("things.read", summary="Read", response=ThingView, headers=("ETag",))
    def get(self, request, thing_id):
        """Nothing is called here."""


class SameName(Things):
    pass


def other_view() -> type[View]:
    """Another struct with the name of the first."""

    class ThingView(View):
        other: int

    return ThingView


class SameSchema(Endpoint):
    db = ContextDb("sync", alias="sync")

    @operation("things.list", summary="List", response=other_view())
    def get(self, request):
        """Nothing is called here."""


class Wish(Body):
    text: str
    note: Annotated[str, msgspec.Meta(pattern="^a")] | None = None
    tags: dict[str, str] = {}
    schema: ClassVar = {"minProperties": 1}


class Wishes(Endpoint):
    db = ContextDb("sync", alias="sync")

    @operation("wishes.create", summary="Wish", body=Wish, response=ThingView, status=201)
    def post(self, request, body):
        """Nothing is called here."""


class Files(Endpoint):
    db = ContextDb("sync", alias="sync")

    @operation(
        "files.read",
        summary="Read",
        response=ThingView,
        media_type="a/b",
        if_none_match=True,
        ranges=True,
        headers=("ETag",),
    )
    def get(self, request):
        """Nothing is called here."""


def document(**endpoints):
    """The document of these endpoints by their route."""
    patterns = [path(route, endpoint.as_view()) for route, endpoint in endpoints.items()]
    return SchemaGenerator(patterns=patterns).get_schema(request=None, public=True)


def test_refuses_two_operations_of_one_name():
    with pytest.raises(DocumentError, match="things_read"):
        document(one=Things, two=SameName)


def test_refuses_two_schemas_of_one_name():
    with pytest.raises(DocumentError, match="ThingView"):
        document(one=Things, two=SameSchema)


def test_says_what_is_always_in_an_answer():
    found = document(**{"things/<str:thing_id>": Things})
    assert found["components"]["schemas"]["ThingView"]["required"] == ["name", "size", "object"]
    read = found["paths"]["/things/{thing_id}"]["get"]
    assert read["responses"]["200"]["headers"].keys() == {
        "X-Request-Id",
        "RateLimit",
        "RateLimit-Policy",
        "ETag",
    }
    assert read["responses"].keys() == {"200", "400", "401", "403", "404", "429", "503"}
    assert read["security"] == [{"device": []}]
    [thing_id] = read["parameters"]
    assert re.search(thing_id["schema"]["pattern"], "ord_01m7ykznq9e8fvxzgpbz590zx6")
    assert not re.search(thing_id["schema"]["pattern"], "ord_01m7ykznq9g8fvxzgpbz590zx6")


def test_refuses_a_header_that_nobody_has_described():
    declared = replace(Things.get.operation, headers=("X-Unknown",))
    with mock.patch.object(Things.get, "operation", declared), pytest.raises(KeyError, match="X-Unknown"):
        document(**{"things/<str:thing_id>": Things})


def test_says_how_a_file_is_had_in_parts():
    found = document(file=Files)
    download = found["paths"]["/file"]["get"]
    assert [each["name"] for each in download["parameters"]] == ["If-None-Match", "Range", "If-Range"]
    whole, part, same = (set(download["responses"][status]["headers"]) for status in ("200", "206", "304"))
    assert "ETag" in whole & same
    assert part == whole | {"Content-Range"}
    assert download["responses"]["206"]["content"] == download["responses"]["200"]["content"]
    assert download["responses"]["416"] == {"$ref": "#/components/responses/RangeNotSatisfiable"}
    assert "Content-Range" in found["components"]["responses"]["RangeNotSatisfiable"]["headers"]


def test_says_what_a_body_may_hold():
    wish = document(wishes=Wishes)["components"]["schemas"]["Wish"]
    no_nul = "^[^\\u0000]*$"
    assert wish["minProperties"] == 1
    assert wish["properties"]["text"]["pattern"] == no_nul
    assert wish["properties"]["note"]["anyOf"][0]["pattern"] == "^a"
    assert wish["properties"]["tags"]["propertyNames"]["pattern"] == no_nul


def test_keeps_the_contract():
    """What API.md promises of every operation."""
    found = orjson.loads(openapi_document())
    keyed = re.compile(
        r"^/v1/(orders|bills|payments|sales|payment-intents|webhook-endpoints|events)\b|^/v1/command(s|-batches)$"
    )
    for address, operations in found["paths"].items():
        for method, declared in operations.items():
            answers = declared["responses"]
            names = {parameter["name"] for parameter in declared["parameters"]}
            assert {"400", "429", "503"} <= answers.keys(), address
            assert ("401" in answers and "403" in answers) or not declared["security"], address
            assert ("Idempotency-Key" in names) == (method == "post" and bool(keyed.match(address))), address
            assert ({"409", "422"} <= answers.keys()) or "Idempotency-Key" not in names, address
            assert len(answers.keys() & {"200", "201"}) == 1, address
            assert "cursor" not in names or names >= {"limit"}, address


def test_is_rendered_without_the_internet(api):
    page = api.get("/v1/docs").content.decode()
    addresses = re.findall(r'(?:src|href|data-url)="([^"]+)"', page)
    assert "/v1/openapi.json" in addresses
    for address in addresses:
        assert address.startswith("/")
        if address.startswith(settings.STATIC_URL):
            assert finders.find(address.removeprefix(settings.STATIC_URL)), address
    assert "validatorUrl: null" in (settings.BASE_DIR / "config/static/mpac/reference.js").read_text()
    assert api.get("/v1/openapi.json").content == (settings.BASE_DIR / "docs/api/openapi.json").read_bytes()
