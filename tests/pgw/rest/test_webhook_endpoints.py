"""A partner's webhook endpoints over HTTP ..."""

import datetime as dt

import msgspec
import pytest

from kernel import clock
from kernel.outbound import Outbound
from mpac.pgw import conf
from mpac.pgw.adapters.partners.client import MAX_KEPT, PartnerClient
from mpac.portal.domain.permissions import KEY_SCOPES
from tests.pgw.partners import Sent, is_signed, relay, send
from tests.pgw.rest.conftest import Caller
from tests.portal.factories import make_api_key
from tests.receiver import Receiver

URL = "https://hooks.example.com/mpac"
CARD = "4242424242424242"


@pytest.fixture
def receiver(settings):
    """The partner's server, on a developer's machine."""
    with Receiver() as running:
        settings.MPAC_WEBHOOK_TRUSTED_HOSTS = [f"127.0.0.1:{running.port}"]
        yield running


def made(caller, **changes):
    answer = caller.post("/webhook-endpoints", {"url": URL, **changes})
    assert answer.status_code == 201, answer.content
    return answer.json()


def later(seconds=60):
    return clock.now() + dt.timedelta(seconds=seconds)


def log(caller, endpoint, query=""):
    return caller.get(f"/webhook-endpoints/{endpoint['id']}/deliveries{query}").json()["data"]


def calls(caller, delivery):
    return caller.get(f"/webhook-deliveries/{delivery['id']}/attempts").json()["data"]


def events(caller, query=""):
    return caller.get(f"/events{query}").json()["data"]


# --- endpoints and their secrets ---------------------------------------------------------------------------------------


def test_show_a_new_secret_once_and_keep_it_sealed(partner, superuser):
    answer = partner.post("/webhook-endpoints", {"url": URL, "description": "Ours"}, key="once")
    endpoint = answer.json()
    secret = endpoint.pop("secret")
    assert secret.startswith("whsec_")
    assert (endpoint["object"], endpoint["status"], endpoint["event_types"]) == (
        "webhook_endpoint",
        "enabled",
        ["*"],
    )
    again = partner.post("/webhook-endpoints", {"url": URL, "description": "Ours"}, key="once")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.json() == endpoint
    assert partner.get(f"/webhook-endpoints/{endpoint['id']}").json() == endpoint
    assert partner.get("/webhook-endpoints").json()["data"] == [endpoint]
    kept = superuser.execute(
        "SELECT (SELECT string_agg(e::text, ' ') FROM pgw.webhook_endpoints e)"
        " || (SELECT string_agg(convert_from(k.body, 'UTF8'), ' ') FROM pgw.idempotency_keys k)"
        " || coalesce((SELECT string_agg(o::text, ' ') FROM pgw.outbox o), '')"
    ).fetchone()[0]
    assert "v1.test." in kept
    assert secret not in kept
    assert secret.removeprefix("whsec_")[:20] not in kept


def test_rotate_a_secret_and_sign_with_both_for_a_while(partner, receiver):
    endpoint = made(partner, url=receiver.url())
    answer = partner.post(f"/webhook-endpoints/{endpoint['id']}/rotate-secret", {"overlap": 3600})
    rotated = answer.json()
    assert rotated["secret"] not in ("", endpoint["secret"])
    assert rotated["previous_secret_ends_at"] > rotated["updated_at"]
    partner.created()
    relay()
    assert send(PartnerClient().send, now=later()) == 1
    (call,) = receiver.received
    assert len(call.headers["webhook-signature"].split(" ")) == 2
    for secret in (endpoint["secret"], rotated["secret"]):
        assert is_signed(secret, call.headers, call.body)
    assert not is_signed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", call.headers, call.body)
    partner.post(f"/webhook-endpoints/{endpoint['id']}/rotate-secret", {"overlap": 0})
    partner.post(f"/events/{events(partner)[0]['id']}/resend", {})
    send(PartnerClient().send, now=later())
    assert not is_signed(rotated["secret"], receiver.received[-1].headers, receiver.received[-1].body)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://hooks.example.com/", "url_not_https"),
        ("https://127.0.0.1/", "address_not_public"),
        ("https://169.254.169.254/latest/", "address_not_public"),
        ("https://[::ffff:10.0.0.1]/", "address_not_public"),
        ("https://localhost/", "host_not_allowed"),
        ("https://user:word@hooks.example.com/", "url_malformed"),
        ("https://hooks.example.com:25/", "port_not_allowed"),
    ],
)
def test_refuse_addresses_that_are_not_the_partners_to_name(partner, url, code):
    endpoint = made(partner)
    for answer in (
        partner.post("/webhook-endpoints", {"url": url}),
        partner.call("PATCH", f"/webhook-endpoints/{endpoint['id']}", {"url": url}),
    ):
        assert answer.status_code == 400
        problem = answer.json()
        assert (problem["code"], problem["errors"][0]["field"], problem["errors"][0]["code"]) == (
            "webhook_url_refused",
            "url",
            code,
        )
    assert partner.get(f"/webhook-endpoints/{endpoint['id']}").json()["url"] == URL


def test_trust_no_plain_host_in_production(partner, receiver, settings):
    made(partner, url=receiver.url())
    settings.MPAC_ENV = "production"
    assert partner.post("/webhook-endpoints", {"url": receiver.url()}).status_code == 400
    partner.created()
    relay()
    send(PartnerClient().send, now=later())
    assert receiver.connections == 0


@pytest.mark.parametrize("event_types", [["payment_intent.paid"], [], ["*", "x"], "*"])
def test_refuse_filters_that_let_nothing_known_through(partner, event_types):
    answer = partner.post("/webhook-endpoints", {"url": URL, "event_types": event_types})
    assert answer.status_code == 400


def test_are_no_more_than_one_partner_may_have(partner):
    for _ in range(conf.MAX_ENDPOINTS):
        made(partner)
    answer = partner.post("/webhook-endpoints", {"url": URL})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_endpoints")


def test_are_changed_disabled_and_enabled(partner):
    path = f"/webhook-endpoints/{made(partner)['id']}"
    changed = partner.call(
        "PATCH", path, {"description": "New", "event_types": ["payment_intent.succeeded"]}
    ).json()
    assert (changed["url"], changed["description"]) == (URL, "New")
    assert changed["event_types"] == ["payment_intent.succeeded"]
    disabled = partner.call("DELETE", path).json()
    assert (disabled["status"], disabled["disabled_because"]) == ("disabled", "asked")
    assert partner.call("DELETE", path).json() == disabled
    enabled = partner.call("PATCH", path, {"enabled": True}).json()
    assert (enabled["status"], enabled["disabled_because"], enabled["disabled_at"]) == ("enabled", None, None)


def test_open_to_keys_with_their_scopes_alone(api, partner):
    reader = Caller(api, make_api_key(partner.tenant.psp, scopes=("webhooks:read",)), partner.tenant)
    without = tuple(scope for scope in KEY_SCOPES if not scope.startswith("webhooks"))
    nobody = Caller(api, make_api_key(partner.tenant.psp, scopes=without), partner.tenant)
    endpoint = made(partner)
    assert len(reader.get("/webhook-endpoints").json()["data"]) == 1
    for answer in (
        reader.post("/webhook-endpoints", {"url": URL}),
        reader.call("DELETE", f"/webhook-endpoints/{endpoint['id']}"),
        reader.post(f"/webhook-endpoints/{endpoint['id']}/rotate-secret"),
        nobody.get("/webhook-endpoints"),
        nobody.get("/events"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


def test_keep_test_and_live_apart(partner, live_partner):
    test, live = made(partner), made(live_partner, url="https://live.example.com/")
    assert (test["livemode"], live["livemode"]) == (False, True)
    for caller, own, other in ((partner, test, live), (live_partner, live, test)):
        assert [each["id"] for each in caller.get("/webhook-endpoints").json()["data"]] == [own["id"]]
        assert caller.get(f"/webhook-endpoints/{other['id']}").status_code == 404
        assert caller.call("DELETE", f"/webhook-endpoints/{other['id']}").status_code == 404
    partner.created()
    relay()
    sent = Sent()
    send(sent, now=later())
    assert [call.url for call in sent.calls] == [test["url"]]
    assert events(live_partner) == []


# --- what is sent ------------------------------------------------------------------------------------------------------


def test_get_exactly_what_the_events_show(partner, receiver):
    endpoint = made(partner, url=receiver.url(path="/hook?tenant=1"))
    intent = partner.created(reference="order-1")
    relay()
    assert send(PartnerClient().send, now=later()) == 1
    ((call,), (event,)) = receiver.received, events(partner)
    assert call.path == "/hook?tenant=1"
    assert msgspec.json.decode(call.body) == event == partner.get(f"/events/{event['id']}").json()
    assert (event["type"], event["object_id"], event["sequence"]) == (
        "payment_intent.created",
        intent["id"],
        1,
    )
    assert event["data"]["reference"] == "order-1"
    assert call.headers["webhook-id"] == event["id"]
    assert is_signed(endpoint["secret"], call.headers, call.body)
    assert abs(int(call.headers["webhook-timestamp"]) - later().timestamp()) < 60
    assert call.headers["content-type"] == "application/json"


def test_log_every_call_without_secrets_and_cut_short(partner, receiver):
    def angry(handler):
        body = f"card {CARD} token=abcdefghijklmnop ".encode() + b"\x00" + b"x" * 20_000
        handler.send_response(500)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Set-Cookie", "session=1")
        handler.send_header("Retry-After", "5")
        handler.end_headers()
        handler.wfile.write(body)

    receiver.answers = [angry, 204]
    endpoint = made(partner, url=receiver.url())
    partner.created()
    relay()
    send(PartnerClient().send, now=later())
    (delivery,) = log(partner, endpoint)
    assert (delivery["status"], delivery["tries"], delivery["last_error"]) == ("pending", 1, "http_500")
    send(PartnerClient().send, now=later(600))
    (delivery,) = log(partner, endpoint, "?status=delivered")
    assert log(partner, endpoint, "?status=pending") == []
    second, first = calls(partner, delivery)
    assert (second["status_code"], first["status_code"], first["number"]) == (204, 500, 1)
    assert len(first["response_body"]) == MAX_KEPT
    assert CARD not in first["response_body"]
    assert "abcdefghijklmnop" not in first["response_body"]
    assert first["response_headers"].keys() >= {"retry-after"}
    assert "set-cookie" not in first["response_headers"]
    assert first["request_headers"]["webhook-id"] == delivery["event_id"]
    assert first["request_headers"]["webhook-signature"] == "[redacted]"
    assert delivery["event_id"] in first["request_body"]


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fd00::1"]
)
def test_lead_nowhere_private_however_the_name_resolves_later(partner, settings, address):
    with Receiver() as inner:
        endpoint = made(partner, url=f"https://hooks.example.com:{inner.port}/")
        partner.created()
        relay()
        rebound = Outbound(resolver=lambda *_args, **_more: [address])
        send(PartnerClient(rebound).send, now=later())
        assert inner.connections == 0
    (delivery,) = log(partner, endpoint)
    assert (delivery["status"], delivery["last_error"]) == ("pending", "address_not_public")
    assert address not in str(calls(partner, delivery))


# --- events ------------------------------------------------------------------------------------------------------------


def test_list_events_narrowed_down(partner, stranger):
    first, second = partner.created(), partner.created()
    partner.post(f"/payment-intents/{second['id']}/confirm")
    stranger.created()
    relay()
    everything = events(partner)
    assert len(everything) == 4
    of_second = events(partner, f"?object_id={second['id']}")
    assert [event["sequence"] for event in of_second] == [3, 2, 1]
    assert len(events(partner, "?type=payment_intent.created")) == 2
    assert events(partner, f"?created_from={everything[0]['created_at']}") == everything[:1]
    assert {event["merchant_id"] for event in everything} == {partner.tenant.merchant.id}
    assert len(events(partner, f"?object_id={first['id']}&merchant_id=1")) == 0
    assert partner.get(f"/events/{events(stranger)[0]['id']}").status_code == 404


def test_send_an_event_anew_under_its_id(partner, receiver):
    endpoint = made(partner, url=receiver.url())
    partner.created()
    relay()
    send(PartnerClient().send, now=later())
    (event,) = events(partner)
    answer = partner.post(f"/events/{event['id']}/resend", {"webhook_endpoint_id": endpoint["id"]})
    assert (answer.status_code, answer.json()) == (200, event)
    send(PartnerClient().send, now=later())
    assert [call.headers["webhook-id"] for call in receiver.received] == [event["id"]] * 2
    assert receiver.received[0].body == receiver.received[1].body


def test_send_all_events_of_a_time_anew_to_an_endpoint_that_was_not_there(partner):
    partner.created()
    partner.created()
    relay()
    endpoint = made(partner)
    body = {"created_from": "2020-01-01T00:00:00Z", "created_before": "2100-01-01T00:00:00Z"}
    answer = partner.post(f"/webhook-endpoints/{endpoint['id']}/resend", body)
    assert (answer.status_code, answer.json()["events"]) == (200, 2)
    assert {each["status"] for each in log(partner, endpoint)} == {"pending"}


def test_refuse_to_send_anew_what_is_too_much(partner, monkeypatch):
    monkeypatch.setattr(conf, "MAX_RESENT", 1)
    partner.created()
    partner.created()
    relay()
    endpoint = made(partner)
    body = {"created_from": "2020-01-01T00:00:00Z", "created_before": "2100-01-01T00:00:00Z"}
    answer = partner.post(f"/webhook-endpoints/{endpoint['id']}/resend", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_events")
    assert log(partner, endpoint) == []


def test_send_nothing_anew_where_nobody_listens(partner):
    endpoint = made(partner, event_types=["refund.completed"])
    partner.created()
    relay()
    (event,) = events(partner)
    answer = partner.post(f"/events/{event['id']}/resend")
    assert (answer.status_code, answer.json()["code"]) == (409, "nobody_listens")
    partner.call("DELETE", f"/webhook-endpoints/{endpoint['id']}")
    answer = partner.post(f"/events/{event['id']}/resend", {"webhook_endpoint_id": endpoint["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "endpoint_disabled")
