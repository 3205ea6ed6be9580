"""Commands over HTTP..."""

import pytest

from kernel import clock, ids
from kernel.tenancy import SystemScope
from mpac.portal.db import db as portal_db
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.services.device_groups import add_members, create_group
from mpac.portal.services.devices import suspend_device
from mpac.portal.services.tokens import exchange_assertion
from mpac.smarttab.db import atomic as smarttab_atomic
from mpac.smarttab.models import DeviceEvent
from tests.delivery import deliver_all
from tests.portal.factories import SEED, audited, make_api_key, make_store, make_tenant, make_terminal

JSON = "application/json"


@pytest.fixture
def send(partner):
    numbers = iter(range(1000))

    def call(path="/v1/commands", *, key="", **body):
        key = key or f"key-{next(numbers)}"
        body = {"kind": "restart"} | body
        return partner.post(path, body, content_type=JSON, headers={"Idempotency-Key": key})

    return call


@pytest.fixture
def till(api, terminal):
    """The terminal's own calls."""
    token = exchange_assertion(assertion=terminal.assertion(), scope=None, now=clock.now()).access_token
    headers = {"Authorization": f"Bearer {token}"}

    class Till:
        def read(self, path, **more):
            return api.get(path, headers=headers | {k.replace("_", "-"): v for k, v in more.items()})

        def fetch(self):
            return self.read("/v1/devices/me/commands").json()["data"]

        def answer(self, command_id, **body):
            path = f"/v1/devices/me/commands/{command_id}/result"
            return api.post(path, body, content_type=JSON, headers=headers)

    return Till()


def pushed(terminal):
    with smarttab_atomic(SystemScope("realtime")):
        events = DeviceEvent.objects.filter(device_id=terminal.device_id).order_by("seq")
        return [(event.seq, event.type, event.data["id"]) for event in events]


def test_live_beside_settings_in_the_log_that_terminals_listen_to(partner, send, till, terminal, tenant):
    """A setting is changed, the terminal is told and reads it; it is told to do something, and fetches it."""
    config = till.read("/v1/devices/me/config")
    path = f"/v1/settings/store/{tenant.store.id}/receipt.copies"
    assert partner.put(path, {"value": 2}, content_type=JSON, headers={"If-Match": "0"}).status_code == 200
    deliver_all([portal_db])
    assert pushed(terminal) == [(1, "config.changed", terminal.client_id)]
    changed = till.read("/v1/devices/me/config", If_None_Match=config.headers["ETag"])
    assert (changed.status_code, changed.json()["values"]["receipt.copies"]) == (200, 2)
    tag = changed.headers["ETag"]
    assert till.read("/v1/devices/me/config", If_None_Match=tag).status_code == 304

    answer = send(device_id=terminal.client_id, kind="message", parameters={"text": "Closing at six"})
    assert answer.status_code == 201
    command = answer.json()
    assert (command["status"], command["sent_by"][:4]) == ("queued", "key_")
    assert command["parameters"] == {"text": "Closing at six", "title": None, "display_s": 300}
    deliver_all([portal_db])
    assert pushed(terminal)[1:] == [(2, "command.created", command["id"])]
    log = till.read("/v1/devices/me/events?after=1").json()["data"]
    assert (log[0]["event"]["type"], log[0]["event"]["data"]["kind"]) == ("command.created", "message")

    (fetched,) = till.fetch()
    assert (fetched["id"], fetched["status"], fetched["parameters"]) == (
        command["id"],
        "sent",
        command["parameters"],
    )


def test_are_begun_and_done_and_answered_once(partner, send, till, terminal):
    command = send(device_id=terminal.client_id).json()
    for _ in range(2):
        assert [each["id"] for each in till.fetch()] == [command["id"]]
    assert till.answer(command["id"], status="acknowledged").json()["status"] == "acknowledged"
    for _ in range(2):
        done = till.answer(command["id"], status="succeeded", code="shown", data={"read_by": "till"})
        assert (done.status_code, done.json()["status"]) == (200, "succeeded")
    answer = till.answer(command["id"], status="failed")
    assert (answer.status_code, answer.json()["code"]) == (409, "result_given")
    assert till.fetch() == []
    seen = partner.get(f"/v1/commands/{command['id']}").json()
    assert (seen["status"], seen["result"]["code"], seen["result"]["data"]) == (
        "succeeded",
        "shown",
        {"read_by": "till"},
    )
    record = audited()[-1]
    assert (record["action"], record["actor_kind"], record["actor_id"]) == (
        "command.succeeded",
        "device",
        terminal.client_id,
    )


def test_have_one_effect_for_one_key(send, till, terminal):
    first = send(device_id=terminal.client_id, key="again")
    again = send(device_id=terminal.client_id, key="again")
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    other = send(device_id=terminal.client_id, key="again", kind="lock")
    assert other.status_code == 422
    assert len(till.fetch()) == 1


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"kind": "explode"}, "invalid", "kind"),
        ({"parameters": {"scope": "world"}}, "command_parameters_invalid", "parameters"),
        ({"parameters": {"a": {"b": [1]}}}, "command_parameters_invalid", "parameters"),
        ({"parameters": []}, "invalid", "parameters"),
        ({"expires_in": 59}, "invalid", "expires_in"),
        ({"expires_in": 10**12}, "invalid", "expires_in"),
        ({"extra": 1}, "invalid", "extra"),
    ],
)
def test_tell_what_is_wrong_with_an_order(send, terminal, body, code, field):
    answer = send(device_id=terminal.client_id, **body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["errors"][0]["field"] == field


def test_of_absurd_size_are_refused_unread(send, terminal):
    answer = send(device_id=terminal.client_id, kind="message", parameters={"text": "x" * 20_000})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        {"status": "sent"},
        {"status": "succeeded", "code": "Not A Code"},
        {"status": "succeeded", "detail": "x" * 2001},
        {"status": "succeeded", "data": {str(n): "x" for n in range(21)}},
        {"status": "succeeded", "data": {"a": 1}},
        {},
    ],
)
def test_tell_what_is_wrong_with_a_result(send, till, terminal, body):
    command = send(device_id=terminal.client_id).json()
    till.fetch()
    assert till.answer(command["id"], **body).status_code == 400
    assert [each["status"] for each in till.fetch()] == ["sent"]


def test_for_terminals_of_others_look_like_those_for_missing_ones(send, partner, till, terminal):
    other = make_tenant()
    stranger = make_terminal(other.store)
    theirs = {"Authorization": f"Bearer {make_api_key(other.psp)}", "Idempotency-Key": "k"}
    body = {"kind": "lock", "device_id": stranger.client_id}
    foreign = partner.post("/v1/commands", body, content_type=JSON, headers=theirs).json()["id"]
    many = {"kind": "lock", "store_id": other.store.id}
    batch = partner.post(
        "/v1/command-batches", many, content_type=JSON, headers=theirs | {"Idempotency-Key": "l"}
    ).json()["id"]
    missing, none = ids.encode("cmd", ids.uuid7()), ids.encode("cmb", ids.uuid7())
    group = create_group(
        scope=SEED,
        psp_id=other.psp.id,
        merchant_id=None,
        name="Theirs",
        selector={},
        livemode=False,
        now=clock.now(),
    )
    answers = [
        *(send(device_id=each) for each in (stranger.client_id, ids.encode("dev", ids.uuid7()), "x")),
        *(partner.get(f"/v1/commands/{each}") for each in (foreign, missing, "x")),
        *(partner.post(f"/v1/commands/{each}/cancel", content_type=JSON) for each in (foreign, missing, "x")),
        *(partner.get(f"/v1/command-batches/{each}") for each in (batch, none, "x")),
        *(
            partner.post(f"/v1/command-batches/{each}/cancel", content_type=JSON)
            for each in (batch, none, "x")
        ),
        *(till.answer(each, status="succeeded") for each in (foreign, missing, "x")),
        send("/v1/command-batches", store_id=other.store.id),
        send("/v1/command-batches", merchant_id=other.merchant.id),
        send("/v1/command-batches", group_id=group.public_id),
        send("/v1/command-batches", group_id="x"),
        send("/v1/command-batches", store_id=999_999),
    ]
    assert {answer.status_code for answer in answers} == {404}
    bodies = {str({k: v for k, v in answer.json().items() if k != "request_id"}) for answer in answers}
    assert len(bodies) == 1
    assert partner.get("/v1/commands").json()["data"] == []
    assert partner.get(f"/v1/commands?device_id={stranger.client_id}").json()["data"] == []


def test_for_many_show_how_far_they_have_come(send, partner, tenant, terminal, till):
    others = [make_terminal(make_store(tenant.merchant)) for _ in range(2)]
    answer = send("/v1/command-batches", merchant_id=tenant.merchant.id, kind="sync_now", reason="menu")
    assert (answer.status_code, answer.json()["status"], answer.json()["reached"]) == (201, "expanding", 0)
    path = f"/v1/command-batches/{answer.json()['id']}"
    deliver_all([portal_db])
    (command,) = till.fetch()
    till.answer(command["id"], status="succeeded")
    found = partner.get(path).json()
    assert (found["status"], found["reached"]) == ("expanded", 3)
    assert {name: count for name, count in found["progress"].items() if count} == {
        "queued": 2,
        "succeeded": 1,
    }
    listed = partner.get(f"/v1/commands?batch_id={found['id']}&status=queued").json()["data"]
    assert {each["device_id"] for each in listed} == {each.client_id for each in others}
    assert [(kind, key) for _, kind, key in pushed(terminal)] == [("command.created", command["id"])]
    assert partner.post(f"{path}/cancel", content_type=JSON).json()["status"] == "cancelled"
    deliver_all([portal_db])
    assert partner.get(path).json()["progress"]["cancelled"] == 2
    assert [each["id"] for each in partner.get("/v1/command-batches").json()["data"]] == [found["id"]]


def test_for_a_group_reach_its_terminals(send, tenant, terminal, till):
    make_terminal(tenant.store)
    group = create_group(
        scope=SEED,
        psp_id=tenant.psp.id,
        merchant_id=None,
        name="Front",
        selector={},
        livemode=False,
        now=clock.now(),
    )
    add_members(scope=SEED, group_id=group.id, device_ids=[terminal.device_id], now=clock.now())
    answer = send("/v1/command-batches", group_id=group.public_id, kind="lock")
    assert answer.json()["group_id"] == group.public_id
    deliver_all([portal_db])
    assert len(till.fetch()) == 1


@pytest.mark.parametrize("targets", [{}, {"store_id": 1, "merchant_id": 1}])
def test_for_many_name_one_target(send, targets):
    answer = send("/v1/command-batches", **targets)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "one_target")


def test_are_not_for_terminals_that_are_not_active(send, terminal):
    suspend_device(scope=SEED, device_id=terminal.device_id, actor="test", now=clock.now())
    answer = send(device_id=terminal.client_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "device_not_active")


def test_are_called_off_while_nobody_knows_of_them(send, partner, till, terminal):
    first, second = (send(device_id=terminal.client_id).json()["id"] for _ in range(2))
    assert partner.post(f"/v1/commands/{first}/cancel", content_type=JSON).json()["status"] == "cancelled"
    till.fetch()
    answer = partner.post(f"/v1/commands/{second}/cancel", content_type=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")


def test_need_their_permissions_and_stay_in_their_mode(api, tenant, terminal):
    body = {"kind": "restart", "device_id": terminal.client_id}

    def ask(method, path, secret, **more):
        headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "k"}
        return getattr(api, method)(path, headers=headers, **more).status_code

    reader = make_api_key(tenant.psp, scopes=("commands:read",))
    sender = make_api_key(tenant.psp, scopes=("commands:send",))
    live = make_api_key(tenant.psp, mode=ApiKeyMode.LIVE)
    assert ask("post", "/v1/commands", reader, data=body, content_type=JSON) == 403
    assert ask("get", "/v1/commands", sender) == 403
    assert ask("post", "/v1/commands", live, data=body, content_type=JSON) == 404
    assert ask("post", "/v1/commands", sender, data=body, content_type=JSON) == 201
    assert ask("get", "/v1/commands", reader) == 200
