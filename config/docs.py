"""The API's own documentation: the generated OpenAPI document and a reference page that needs no internet."""

from functools import cache

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator

from kernel.rest.problems import read_only


@cache
def openapi_document() -> bytes:
    """The OpenAPI 3.1 document as indented JSON."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return orjson.dumps(
        document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    )


@read_only
def openapi(_request: HttpRequest) -> HttpResponse:
    """`/v1/openapi.json`."""
    return HttpResponse(openapi_document(), content_type="application/json")


@read_only
def reference(request: HttpRequest) -> HttpResponse:
    """`/v1/docs`."""
    return render(request, "reference.html")
