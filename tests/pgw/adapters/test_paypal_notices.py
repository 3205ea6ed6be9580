"""PayPal's notices ..."""

import datetime as dt
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from kernel.money import Money
from kernel.outbound import OutboundFault, OutboundRefused, Reply
from mpac.pgw.adapters.paypal import certificates as module
from mpac.pgw.adapters.paypal.adapter import PayPalAdapter
from mpac.pgw.adapters.paypal.certificates import Certificates
from mpac.pgw.adapters.paypal.notices import signed_message
from mpac.pgw.adapters.port import Agreed, ProviderAccount
from mpac.pgw.errors import WebhookMalformed, WebhookRefused, WebhookUndecided
from simulator.paypal.signing import Identity, identity, make_identity, pem, sign

WEBHOOK = "4JH86294D6297924G"
BASE = "https://api.paypal.com"
NOON = dt.datetime(2026, 11, 21, 5, tzinfo=dt.UTC)
ACCOUNT = ProviderAccount(fields={}, credentials={"webhook_secret": WEBHOOK})
KEY, ORDER, CAPTURE = "K7000000000000000001", "5O190127TN364715T", "3C679366HH908993F"
PUBLISHED = Path(__file__).with_name("paypal_event.json").read_bytes()
THB = {"currency_code": "THB", "value": "125.50"}


class Web:
    """The internet: answers by address, and what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Reply | Exception = served(pem(identity().certificate))

    def get(self, url, *, timeout_s, max_bytes, trusted):
        self.asked.append(url)
        assert timeout_s <= 2
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def served(body: bytes, status: int = 200) -> Reply:
    return Reply(status=status, headers=[], body=body, address="8.8.8.8")


@pytest.fixture
def web():
    return Web()


@pytest.fixture
def adapter(web, clock, settings, tmp_path):
    trust(settings, tmp_path, identity())
    return PayPalAdapter(certificates=Certificates(web, monotonic=lambda: clock[0]))


@pytest.fixture
def clock():
    """A clock that stands still until it is moved."""
    return [1000.0]


def trust(settings, directory, signer: Identity) -> None:
    file = directory / "authority.pem"
    file.write_bytes(pem(signer.authority))
    settings.MPAC_PAYPAL_CA_FILE = str(file)


def event(kind: str = "CHECKOUT.ORDER.APPROVED", **resource) -> bytes:
    about = {"id": ORDER, "status": "APPROVED", "purchase_units": [{"custom_id": KEY}], **resource}
    return msgspec.json.encode({"id": "WH-1", "event_type": kind, "resource": about})


def read(adapter, body: bytes | None = None, *, now=NOON, by=None, account=ACCOUNT, **headers):
    body = event() if body is None else body
    signed = {**sign(body, webhook=WEBHOOK, base=BASE, at=NOON, by=by), **headers}
    return adapter.read_webhook(headers=signed, body=body, account=account, now=now)


def refused(adapter, **given):
    with pytest.raises(WebhookRefused):
        read(adapter, **given)


def undecided(adapter, **given):
    with pytest.raises(WebhookUndecided):
        read(adapter, **given)


def test_are_signed_over_what_paypal_publishes():
    message = signed_message(
        transmission="dfb3be50-fd74-11e4-8bf3-77339302725b",
        time="2015-05-18T15:45:13Z",
        webhook=WEBHOOK,
        body=PUBLISHED,
    )
    assert (
        message == b"dfb3be50-fd74-11e4-8bf3-77339302725b|2015-05-18T15:45:13Z|4JH86294D6297924G|2771810304"
    )
    short = b'{"id":"WH-TEST-1","event_type":"CHECKOUT.ORDER.APPROVED"}'
    assert signed_message(transmission="", time="", webhook="", body=short) == b"|||3449628889"


def test_are_read_under_a_certificate_of_paypals(adapter, web):
    hint = read(adapter)
    assert (hint.provider_key, hint.provider_reference, hint.state) == (KEY, ORDER, Agreed())
    assert web.asked == [f"{BASE}/v1/notifications/certs/{identity().name}"]


def test_are_checked_with_a_certificate_that_was_fetched_once(adapter, web, clock):
    for _ in range(5):
        read(adapter)
    assert len(web.asked) == 1
    clock[0] += 24 * 3600 + 1
    read(adapter)
    assert len(web.asked) == 2


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://api.paypal.com/certs/1",
            "https://api.paypal.com:8443/certs/1",
            "https://paypal.com/certs/1",
        ),
        *(
            "https://api.paypal.com.evil.example/1",
            "https://evilpaypal.com/1",
            "https://evil.example/.paypal.com",
        ),
        *("https://evil.example#.paypal.com", "https://evil.example?x=.paypal.com", "https://[::1]/1"),
        *("https://user@api.paypal.com/1", "https://api.paypal.com@evil.example/1", "https://127.0.0.1/1"),
        *(
            "file:///etc/passwd",
            "ftp://api.paypal.com/1",
            "https://api.paypal.com\\@evil.example/1",
            "nonsense",
        ),
        *(
            "https://api.paypal.com\t.evil.example/1",
            "https://169.254.169.254/latest",
            "https://api.paypal.com./1",
        ),
    ],
)
def test_make_us_ask_at_no_address_but_paypals(adapter, web, url):
    refused(adapter, **{"paypal-cert-url": url})
    assert web.asked == []


def test_make_us_ask_a_developers_machine_only_there(adapter, web, settings):
    url = "http://127.0.0.1:8002/paypal/v1/notifications/certs/CERT-1"
    settings.MPAC_PAYPAL_TRUSTED_HOSTS = ["127.0.0.1:8002"]
    read(adapter, **{"paypal-cert-url": url})
    settings.MPAC_ENV = "production"
    refused(adapter, **{"paypal-cert-url": url})


def test_make_us_ask_nobody_before_all_else_is_right(adapter, web):
    for wrong in (
        {"paypal-transmission-sig": "no base64!"},
        {"paypal-transmission-time": "yesterday"},
        {"paypal-transmission-time": "2026-11-21T05:00:00"},
        {"paypal-auth-algo": "SHA1withRSA"},
        {"paypal-auth-algo": ""},
        {"paypal-transmission-id": ""},
        {"paypal-transmission-id": "x" * 1001},
    ):
        refused(adapter, **wrong)
    refused(adapter, account=None)
    refused(adapter, account=ProviderAccount(fields={}, credentials={}))
    refused(adapter, now=NOON + dt.timedelta(days=3, hours=2))
    assert web.asked == []


def test_are_refused_under_another_authority(adapter, web):
    other = make_identity()
    web.answer = served(pem(other.certificate, other.authority))
    refused(adapter, by=other)


def test_are_refused_when_the_certificate_names_somebody_else(adapter, web, settings, tmp_path):
    other = make_identity(name="www.evil.example")
    trust(settings, tmp_path, other)
    web.answer = served(pem(other.certificate))
    refused(adapter, by=other)


@pytest.mark.parametrize("days", [(-20, -1), (1, 20)], ids=["is over", "has not begun"])
def test_are_refused_when_the_certificates_time_is_another(adapter, web, settings, tmp_path, days):
    begins, ends = (NOON + dt.timedelta(days=each) for each in days)
    other = make_identity(begins=begins, ends=ends)
    trust(settings, tmp_path, other)
    web.answer = served(pem(other.certificate))
    refused(adapter, by=other)


def test_are_refused_when_another_key_signed_them(adapter):
    thief = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = Identity(key=thief, certificate=identity().certificate, authority=identity().authority)
    refused(adapter, by=forged)


@pytest.mark.parametrize("answer", [served(b"no certificate"), served(b"", 404), served(b"", 410)])
def test_are_refused_for_a_while_when_there_is_no_certificate(adapter, web, clock, answer):
    web.answer = answer
    for _ in range(3):
        refused(adapter)
    assert len(web.asked) == 1
    web.answer = served(pem(identity().certificate))
    clock[0] += 301
    assert read(adapter).state == Agreed()


@pytest.mark.parametrize(
    "answer",
    [OutboundFault("timed_out"), served(b"", 503), served(b"", 429), served(b"", 302)],
)
def test_are_to_be_sent_again_while_the_certificate_cannot_be_had(adapter, web, clock, answer):
    web.answer = answer
    for _ in range(3):
        undecided(adapter)
    assert len(web.asked) == 1
    web.answer = served(pem(identity().certificate))
    clock[0] += 11
    assert read(adapter).state == Agreed()


def test_are_refused_when_their_address_is_not_a_public_one(adapter, web):
    web.answer = OutboundRefused("address_not_public")
    refused(adapter)


def test_are_to_be_sent_again_while_we_know_no_authority(adapter, settings, tmp_path):
    settings.MPAC_PAYPAL_CA_FILE = str(tmp_path / "missing.pem")
    undecided(adapter)


def test_are_checked_against_the_machines_authorities_by_default(adapter, settings):
    settings.MPAC_PAYPAL_CA_FILE = ""
    refused(adapter)


def test_do_not_make_us_ask_without_end(adapter, web, clock):
    web.answer = served(b"", 404)
    for number in range(module.FETCHES_A_MINUTE):
        refused(adapter, **{"paypal-cert-url": f"{BASE}/v1/notifications/certs/CERT-{number}"})
    url = f"{BASE}/v1/notifications/certs/CERT-other"
    undecided(adapter, **{"paypal-cert-url": url})
    assert len(web.asked) == module.FETCHES_A_MINUTE
    clock[0] += 61
    refused(adapter, **{"paypal-cert-url": url})


def test_do_not_crowd_the_good_certificate_out(adapter, web, clock):
    read(adapter)
    web.answer = served(b"", 404)
    for number in range(module.MAX_KEPT * 2):
        clock[0] += 3
        refused(adapter, **{"paypal-cert-url": f"{BASE}/v1/notifications/certs/CERT-{number}"})
    assert read(adapter).state == Agreed()
    assert len(web.asked) == 1 + module.MAX_KEPT * 2


def test_do_not_wait_for_each_other(adapter, web):
    """While two certificates are being fetched a third notice is told to come again."""
    states = []

    def third(url, **_given):
        web.asked.append(url)
        if len(web.asked) < 3:
            try:
                read(adapter, **{"paypal-cert-url": f"{BASE}/v1/notifications/certs/CERT-{len(web.asked)}"})
            except (WebhookRefused, WebhookUndecided) as error:
                states.append(type(error))
        return served(b"", 404)

    web.get = third
    refused(adapter)
    assert states == [WebhookUndecided, WebhookRefused]
    assert len(web.asked) == 2


def money(kind: str, **changes) -> bytes:
    about = {
        "id": CAPTURE,
        "status": "COMPLETED",
        "amount": THB,
        "custom_id": KEY,
        "invoice_id": KEY,
        "create_time": "2026-11-21T05:00:00Z",
        "supplementary_data": {"related_ids": {"order_id": ORDER}},
        "links": [{"rel": "up", "href": f"{BASE}/v2/payments/captures/{CAPTURE}"}],
    }
    return msgspec.json.encode({"id": "WH-2", "event_type": kind, "resource": {**about, **changes}})


def test_prove_a_capture(adapter):
    hint = read(adapter, money("PAYMENT.CAPTURE.COMPLETED"))
    assert (hint.provider_key, hint.provider_reference) == (KEY, CAPTURE)
    [payment] = hint.payments
    assert (payment.reference, payment.amount, payment.paid_at) == (CAPTURE, Money(12550, "THB"), NOON)


@pytest.mark.parametrize("status", ["PENDING", "DECLINED", "FAILED"])
@pytest.mark.parametrize("kind", ["COMPLETED", "PENDING", "DENIED", "REVERSED"])
def test_prove_no_payment_that_is_not_complete(adapter, kind, status):
    hint = read(adapter, money(f"PAYMENT.CAPTURE.{kind}", status=status))
    assert (hint.provider_key, hint.payments, hint.state, hint.refund) == (KEY, (), None, None)


def test_prove_a_refund_of_ours_and_ask_about_others(adapter):
    ours = read(adapter, money("PAYMENT.CAPTURE.REFUNDED", id="1JU08902781691411", invoice_id="R1"))
    assert (ours.refund.operation_key, ours.refund.outcome.reference) == ("R1", "1JU08902781691411")
    for invoice in (KEY, ""):
        other = read(adapter, money("PAYMENT.CAPTURE.REFUNDED", id="1JU08902781691411", invoice_id=invoice))
        assert (other.refund, other.provider_key, other.provider_reference) == (None, KEY, CAPTURE)


@pytest.mark.parametrize(
    ("status", "outcome", "told"),
    [
        ("OPEN", None, "opened"),
        ("WAITING_FOR_SELLER_RESPONSE", None, "opened"),
        ("WAITING_FOR_BUYER_RESPONSE", None, "under_review"),
        ("UNDER_REVIEW", None, "under_review"),
        ("OTHER", None, "under_review"),
        ("RESOLVED", "RESOLVED_BUYER_FAVOUR", "lost"),
        ("RESOLVED", "ACCEPTED", "lost"),
        ("RESOLVED", "RESOLVED_SELLER_FAVOUR", "won"),
        ("RESOLVED", "RESOLVED_WITH_PAYOUT", "won"),
        ("RESOLVED", "CANCELED_BY_BUYER", "won"),
        ("RESOLVED", "DENIED", "won"),
        ("RESOLVED", "NONE", "under_review"),
    ],
)
def test_tell_how_a_dispute_stands(adapter, status, outcome, told):
    about = {
        "dispute_id": "PP-D-1",
        "status": status,
        "dispute_amount": THB,
        "disputed_transactions": [{"seller_transaction_id": CAPTURE}],
        "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        "seller_response_due_date": "2026-12-01T05:00:00.000Z",
        **({"dispute_outcome": {"outcome_code": outcome}} if outcome else {}),
    }
    body = {"id": "WH-3", "event_type": "CUSTOMER.DISPUTE.UPDATED", "resource": about}
    hint = read(adapter, msgspec.json.encode(body))
    assert (hint.provider_reference, hint.dispute.reference, hint.dispute.status) == (CAPTURE, "PP-D-1", told)
    assert hint.dispute.evidence_due_at == NOON + dt.timedelta(days=10)


def test_prove_no_consent_that_was_given_before_and_is_over(adapter):
    for kind, status in (("CHECKOUT.ORDER.COMPLETED", "COMPLETED"), ("CHECKOUT.ORDER.APPROVED", "COMPLETED")):
        assert read(adapter, event(kind, status=status)).state is None


def test_of_other_things_are_kept_and_prove_nothing(adapter):
    hint = read(adapter, PUBLISHED.replace(b"PAYMENT.SALE", b"MERCHANT.SALE"))
    assert (hint.dedupe_key, hint.provider_key) == ("WH-0G2756385H040842W-5Y612302CV158622M", "")
    assert (hint.payments, hint.state) == ((), None)


@pytest.mark.parametrize(
    "body",
    [
        event(id="../../x"),
        event(id=""),
        money("PAYMENT.CAPTURE.COMPLETED", amount={"currency_code": "THB", "value": "-1.00"}),
        money("PAYMENT.CAPTURE.COMPLETED", amount={"currency_code": "XXX", "value": "1.00"}),
        money("PAYMENT.CAPTURE.COMPLETED", custom_id="a\x00b"),
    ],
)
def test_are_malformed_when_they_say_what_cannot_be(adapter, body):
    with pytest.raises(WebhookMalformed):
        read(adapter, body)
