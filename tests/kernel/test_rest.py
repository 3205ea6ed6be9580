"""An endpoint ..."""

import datetime as dt
import json
from typing import Annotated, ClassVar

import msgspec
import pytest
from django.db import DataError, OperationalError
from django.test import RequestFactory
from rest_framework.authentication import BaseAuthentication

from kernel.db import ContextDb
from kernel.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from kernel.principal import Principal
from kernel.rest import Body, Endpoint, Page, PageQuery, Query, Steps, View, operation
from kernel.rest.body import decode_json, encode

DEVICE = Principal(kind="device", subject="dev_1", psp_id=1, merchant_id=10, store_ids=(100,))


class Header(BaseAuthentication):
    """Believes the caller's word, for tests."""

    def authenticate(self, request):
        return (DEVICE, None) if request._request.headers.get("Authorization") else None

    def authenticate_header(self, request):
        return "Bearer"


class Thing(Body):
    name: Annotated[str, msgspec.Meta(max_length=10)]
    amount: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0


class ThingView(View):
    object: str = "thing"
    name: str


class Filter(Query):
    size: int = 1


class Things(Endpoint):
    callers: ClassVar = frozenset({"device"})
    authentication_classes: ClassVar = [Header]
    db = ContextDb("sync", alias="sync")
    failure: ClassVar[Exception | None] = None
    count: ClassVar[int] = 0

    @operation("things.list", summary="List", query=Filter, response=ThingView)
    def get(self, request, query):
        return ThingView(name=str(query.size))

    @operation("things.create", summary="Create", body=Thing, response=ThingView, status=201, idempotent=True)
    def post(self, request, body):
        if self.failure:
            raise self.failure
        Things.count += 1
        return ThingView(name=body.name)

    @operation("things.start", summary="Start", body=Thing, response=ThingView, idempotent="steps")
    def put(self, request, body):
        return Steps(begin=lambda: body.name, finish=lambda name: ThingView(name=name))


@pytest.fixture
def call(database):
    Things.failure = None
    Things.count = 0
    view = Things.as_view()
    factory = RequestFactory()

    def send(
        *,
        method="post",
        data='{"name": "a"}',
        key="k",
        authorized=True,
        content_type="application/json",
        path="/things",
    ):
        headers = {"Authorization": "yes"} if authorized else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        return view(factory.generic(method.upper(), path, data, content_type=content_type, headers=headers))

    return send


def code(response) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json"
    return response.status_code, json.loads(response.content)["code"]


def test_answers_with_the_declared_status(call):
    response = call()
    assert (response.status_code, json.loads(response.content)) == (201, {"object": "thing", "name": "a"})


def test_refuses_a_caller_without_credentials(call):
    response = call(authorized=False)
    assert code(response) == (401, "unauthenticated")
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("data", "field", "error"),
    [
        ("{}", "name", "required"),
        ('{"name": "a", "nmae": 1}', "nmae", "unknown_field"),
        ('{"name": 1}', "name", "invalid"),
        ('{"name": "aaaaaaaaaaaaaaaa"}', "name", "invalid"),
        ('{"name": "a", "amount": -1}', "amount", "invalid"),
        ('{"name": "a", "amount": 1.5}', "amount", "invalid"),
        ('{"name": "a\\u0000"}', "", "invalid"),
    ],
)
def test_names_the_field_at_fault(call, data, field, error):
    response = call(data=data)
    assert response.status_code == 400
    [found] = json.loads(response.content)["errors"]
    assert (found["field"], found["code"]) == (field, error)
    assert Things.count == 0


ShortName = Annotated[str, msgspec.Meta(max_length=3)]


class Sorted(Body):
    selector: dict[ShortName, ShortName] = {}
    waves: list[dict[str, int]] = []


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        (
            '{"selector": {"long": "a"}}',
            "selector",
            "A name in it is not allowed: expected `str` of length <= 3.",
        ),
        ('{"selector": {"a": "long"}}', "selector.*", "Expected `str` of length <= 3."),
        ('{"waves": [{}, {"a": "b"}]}', "waves[1].*", "Expected `int`, got `str`."),
        ('{"waves": [1]}', "waves[0]", "Expected `object`, got `int`."),
        ("[]", "", "Expected `object`, got `array`."),
    ],
)
def test_says_where_in_a_body_the_fault_is(data, field, message):
    with pytest.raises(Invalid) as refused:
        decode_json(data.encode(), Sorted)
    [found] = refused.value.errors
    assert (found.field, found.message) == (field, message)


@pytest.mark.parametrize(
    "data", ["{", "[1,", '{"name": "\\ud800"}', b"\xff\xfe", '{"name": NaN}', "[" * 5000]
)
def test_refuses_malformed_json(call, data):
    assert call(data=data).status_code == 400


def test_refuses_another_media_type(call):
    assert code(call(content_type="text/plain")) == (415, "unsupported_media_type")


def test_refuses_a_body_that_is_too_large(call, settings):
    settings.MPAC_MAX_BODY_BYTES = 100
    assert code(call(data='{"name": "' + "a" * 200 + '"}')) == (413, "body_too_large")


def test_refuses_a_method_it_does_not_have(call):
    response = call(method="delete")
    assert code(response) == (405, "method_not_allowed")
    assert response["Allow"] == "GET, POST, PUT, HEAD"


def test_requires_a_key_where_money_moves(call):
    assert code(call(key=None)) == (400, "idempotency_key_required")
    assert code(call(key="")) == (400, "idempotency_key_malformed")


def test_replays_a_keyed_answer_and_says_so(call):
    first, second = call(), call()
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert Things.count == 1


def test_takes_equal_payloads_for_equal_whatever_their_spelling(call):
    call(data='{"name": "a", "amount": 1}')
    assert call(data='{ "amount":1,"name":"a" }')["Idempotent-Replayed"] == "true"


def test_refuses_a_key_with_another_payload(call):
    call()
    assert code(call(data='{"name": "b"}')) == (422, "idempotency_key_reused")


def test_does_not_burn_a_key_on_a_refusal(call):
    Things.failure = Conflict(allowed=["x"])
    response = call()
    assert code(response) == (409, "conflict")
    assert json.loads(response.content)["allowed"] == ["x"]
    Things.failure = None
    assert call().status_code == 201


def test_runs_the_steps_of_an_operation_with_a_call_outside(call):
    assert json.loads(call(method="put").content)["name"] == "a"
    assert call(method="put")["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (NotFound(), (404, "not_found")),
        (Forbidden(), (403, "forbidden")),
        (Unavailable(retry_after_s=7), (503, "unavailable")),
        (OperationalError("gone"), (503, "unavailable")),
        (DataError("integer out of range"), (400, "invalid")),
        (RuntimeError("secret detail"), (500, "internal_error")),
    ],
)
def test_answers_every_fault_with_a_problem_document(call, failure, expected):
    Things.failure = failure
    response = call()
    assert code(response) == expected
    assert b"secret detail" not in response.content
    assert response.has_header("Retry-After") == (expected[0] == 503)


def test_decodes_the_query_strictly(call):
    assert json.loads(call(method="get", data="", path="/things?size=3").content)["name"] == "3"
    assert call(method="get", data="", path="/things?size=x").status_code == 400
    assert call(method="get", data="", path="/things?colour=red").status_code == 400


def test_shows_the_limits_on_every_answer(call):
    assert "RateLimit" in call()
    assert "RateLimit-Policy" in call(key=None)
    assert "RateLimit" in call(authorized=False)


def test_counts_bad_credentials_against_their_sender_alone(call, settings):
    settings.MPAC_RATE_LIMITS = settings.MPAC_RATE_LIMITS | {"address": 2, "global": 3}
    refused = [call(authorized=False) for _ in range(4)]
    assert [answer.status_code for answer in refused] == [401, 401, 429, 429]
    assert int(refused[-1]["Retry-After"]) >= 1
    assert call().status_code == 201


def test_takes_no_body_for_an_empty_object_but_white_space_for_no_json(call):
    assert call(data="").content == call(data="{}").content
    assert code(call(data=" ")) == (400, "malformed_json")
    assert call(method="put", data=' {"name": "b"} \n').status_code == 200


def test_lists_at_most_two_hundred():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"limit": "201"}, PageQuery, strict=False)
    assert msgspec.convert({}, PageQuery, strict=False).limit == 50


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        ("2026-11-21T07:00:00+00:00", "2026-11-21T07:00:00.000Z"),
        ("2026-11-21T07:00:00.120+00:00", "2026-11-21T07:00:00.120Z"),
        ("2026-11-21T14:00:00.123456+07:00", "2026-11-21T07:00:00.123Z"),
    ],
)
def test_shows_instants_in_utc_with_milliseconds(instant, shown):
    answer = Page(data=[{"at": dt.datetime.fromisoformat(instant), "none": None}])
    assert encode(answer) == b'{"data":[{"at":"%b","none":null}],"next_cursor":null}' % shown.encode()
