"""The SCB adapter ..."""

import dataclasses
import datetime as dt
import socket
import threading

import httpx2
import msgspec
import pytest

from kernel.money import Money
from mpac.pgw.adapters.port import (
    ActionRequired,
    Approved,
    Declined,
    NotProcessed,
    Pending,
    ProviderAccount,
    Unknown,
)
from mpac.pgw.adapters.scb.adapter import ScbAdapter
from mpac.pgw.adapters.scb.client import ScbClient
from mpac.pgw.domain import promptpay
from mpac.pgw.errors import WebhookMalformed
from tests.pgw.adapters.conftest import BILLER, envelope, fails, make_charge, qr, refusal

NOON = dt.datetime(2026, 11, 21, 5, tzinfo=dt.UTC)  # 12:00 in Bangkok


def test_asks_for_a_qr_as_the_bank_documents_it(adapter, bank, charge):
    outcome = adapter.create(charge)

    [request] = bank.made("create")
    assert msgspec.json.decode(request.content) == {
        "qrType": "PP",
        "ppType": "BILLERID",
        "ppId": BILLER,
        "amount": "125.50",
        "ref1": charge.provider_key,
        "ref2": "S111",
        "ref3": "ABC",
    }
    assert request.headers["authorization"] == f"Bearer {bank.token}"
    assert request.headers["resourceOwnerId"] == "the-key"
    assert request.headers["accept-language"] == "EN"
    assert request.headers["requestUId"]
    assert isinstance(outcome, ActionRequired)
    shown = promptpay.decode(outcome.next_action["qr_payload"])
    assert (shown.biller_id, shown.reference1, shown.amount) == (BILLER, charge.provider_key, charge.amount)
    assert outcome.next_action["expires_at"].endswith("Z")


def test_asks_for_a_token_once(adapter, bank, charge):
    adapter.create(charge)
    adapter.probe(charge)
    [request] = bank.made("token")
    assert msgspec.json.decode(request.content) == {
        "applicationKey": "the-key",
        "applicationSecret": "the-secret",
    }


def test_sends_a_call_again_that_was_refused_for_its_token(adapter, bank, charge):
    adapter.create(charge)
    bank.queued["create"].append(refusal(9300, 401))
    assert isinstance(adapter.create(charge), ActionRequired)
    assert len(bank.made("token")) == 2
    assert len({request.headers["authorization"] for request in bank.made("create")}) == 2


def test_gives_up_when_a_fresh_token_is_refused_too(adapter, bank, charge):
    bank.queued["create"] += [refusal(9300, 401)] * 3
    assert adapter.create(charge) == NotProcessed(code="scb_9300", message="Refused")
    assert len(bank.made("create")) == 2


@pytest.mark.parametrize("changes", [{"api_key": "2"}, {"api_secret": "a guess"}])
def test_keeps_the_tokens_of_accounts_apart(adapter, bank, charge, changes):
    adapter.create(charge)
    credentials = {**charge.account.credentials, **changes}
    other = ProviderAccount(fields=charge.account.fields, credentials=credentials)
    adapter.create(dataclasses.replace(charge, account=other))
    assert len(bank.made("token")) == 2


PROVABLY_UNPROCESSED = [
    fails(httpx2.ConnectError),
    fails(httpx2.ConnectTimeout),
    fails(httpx2.PoolTimeout),
    refusal(1101, 400),
    refusal(1102, 400),
    refusal(9500, 401),
    refusal(9503, 403),
    refusal(1234, 429),
]
DOUBTFUL = [
    fails(httpx2.ReadTimeout),
    fails(httpx2.WriteTimeout),
    fails(httpx2.ReadError),
    fails(httpx2.RemoteProtocolError),
    refusal(9700, 500),
    refusal(9900, 500),
    refusal(1234, 400),
    lambda _: httpx2.Response(502, text="<html>Bad Gateway</html>"),
    lambda _: httpx2.Response(200, text="{"),
    lambda _: httpx2.Response(200, text="[]"),
    lambda _: httpx2.Response(200, content=b"\xff\xfe"),
    lambda _: httpx2.Response(302, headers={"location": "http://127.0.0.1/"}),
    lambda _: envelope(None),
    lambda _: envelope({"qrRawData": 5}),
    lambda _: envelope({"qrRawData": "not a qr"}),
    lambda _: httpx2.Response(200, content=b" " * (2 * 1024 * 1024)),
]


@pytest.mark.parametrize("answer", PROVABLY_UNPROCESSED)
def test_knows_what_proves_that_no_charge_exists(adapter, bank, charge, answer):
    bank.queued["create"] += [answer, answer]
    assert isinstance(adapter.create(charge), NotProcessed)


@pytest.mark.parametrize("answer", DOUBTFUL)
def test_takes_everything_else_for_doubt(adapter, bank, charge, answer):
    bank.queued["create"].append(answer)
    assert isinstance(adapter.create(charge), Unknown)


@pytest.mark.parametrize("answer", [*PROVABLY_UNPROCESSED, *DOUBTFUL])
def test_never_sent_a_charge_without_a_token(adapter, bank, charge, answer):
    bank.queued["token"].append(answer)
    assert isinstance(adapter.create(charge), NotProcessed)
    assert bank.made("create") == []


def test_tells_a_refusal_of_the_payment(adapter, bank, charge):
    bank.queued["create"].append(refusal(8102, 400))
    assert adapter.create(charge) == Declined(code="declined", message="Refused")


def test_makes_the_qr_itself_when_the_bank_knows_the_references_already(adapter, bank, charge):
    bank.queued["create"].append(refusal(1111, 400))
    outcome = adapter.create(charge)
    shown = promptpay.decode(outcome.next_action["qr_payload"])
    assert (shown.biller_id, shown.reference1, shown.reference2) == (BILLER, charge.provider_key, "S111")
    assert (shown.amount, shown.terminal_label) == (charge.amount, "ABC")


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(12551, "THB")},
        {"amount": None},
        {"biller_id": "999999999999999"},
        {"reference1": "ANOTHER"},
        {"reference2": "S112"},
    ],
)
def test_shows_no_qr_that_asks_for_something_else(adapter, bank, charge, changes):
    def other(request):
        return envelope({"qrRawData": qr(msgspec.json.decode(request.content), **changes)})

    bank.queued["create"].append(other)
    assert adapter.create(charge) == NotProcessed(
        code="qr_mismatch", message="The bank's QR is not the one that was asked for."
    )


@pytest.mark.parametrize("fields", [{}, {"biller_id": "12"}, {"merchant_id": "abc"}])
def test_refuses_a_malformed_account_before_it_calls(adapter, bank, charge, fields):
    account = ProviderAccount(fields=fields, credentials=charge.account.credentials)
    assert adapter.create(dataclasses.replace(charge, account=account)).code == "account_malformed"
    assert bank.calls == []


def test_refuses_incomplete_credentials_before_it_calls(adapter, bank, charge):
    account = ProviderAccount(fields=charge.account.fields, credentials={"api_key": "x"})
    broken = dataclasses.replace(charge, account=account)
    assert isinstance(adapter.create(broken), NotProcessed)
    assert isinstance(adapter.probe(broken), Unknown)
    assert bank.calls == []


def test_never_shows_credentials(charge):
    assert "the-secret" not in repr(charge)


def test_finds_the_money(adapter, bank):
    charge = make_charge(opened_at=NOON, now=NOON)
    bank.book(charge, day="2026-11-21")
    outcome = adapter.probe(charge)

    [payment] = outcome.payments
    assert payment.amount == charge.amount
    assert payment.reference.startswith("20261121")
    assert payment.paid_at == dt.datetime(2026, 11, 21, 3, 21, 12, tzinfo=dt.UTC)
    assert not payment.reversed
    assert "SOMEBODY" not in str(payment)
    [request] = bank.made("inquiry")
    assert dict(request.url.params) == {
        "eventCode": "00300100",
        "transactionDate": "2026-11-21",
        "billerId": BILLER,
        "reference1": charge.provider_key,
    }


def test_knows_of_no_money_when_the_bank_lists_none(adapter, bank, charge):
    assert adapter.probe(charge) == Pending()
    bank.queued["inquiry"] += [refusal(1104, 404)] * 3
    assert adapter.probe(charge) == Pending()


@pytest.mark.parametrize(
    ("opened", "now", "days"),
    [
        ("2026-11-21T05:00", "2026-11-21T05:10", ["2026-11-21"]),
        ("2026-11-21T16:50", "2026-11-21T17:03", ["2026-11-22", "2026-11-21"]),
        ("2026-11-21T17:02", "2026-11-21T17:04", ["2026-11-22", "2026-11-21"]),
        ("2026-11-21T16:40", "2026-11-21T16:57", ["2026-11-22", "2026-11-21"]),
        ("2026-11-20T05:00", "2026-11-22T05:00", ["2026-11-22", "2026-11-21", "2026-11-20"]),
    ],
)
def test_asks_for_every_bangkok_day_it_may_be_booked_on(adapter, bank, opened, now, days):
    instants = [dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) for text in (opened, now)]
    adapter.probe(make_charge(opened_at=instants[0], now=instants[1]))
    assert [request.url.params["transactionDate"] for request in bank.made("inquiry")] == days


def test_finds_the_money_of_the_day_before(adapter, bank):
    after_midnight = dt.datetime(2026, 11, 21, 17, 2, tzinfo=dt.UTC)
    charge = make_charge(opened_at=after_midnight - dt.timedelta(minutes=5), now=after_midnight)
    bank.book(charge, day="2026-11-21")
    assert isinstance(adapter.probe(charge), Approved)


def test_is_in_doubt_when_one_of_the_days_could_not_be_asked(adapter, bank):
    after_midnight = dt.datetime(2026, 11, 21, 17, 2, tzinfo=dt.UTC)
    charge = make_charge(opened_at=after_midnight, now=after_midnight)
    bank.queued["inquiry"] += [lambda _: envelope([]), refusal(9700, 500)]
    assert isinstance(adapter.probe(charge), Unknown)


@pytest.mark.parametrize(
    "answer", [*DOUBTFUL[:-5], *PROVABLY_UNPROCESSED, lambda _: envelope([{"amount": "1"}])]
)
def test_takes_a_failed_inquiry_for_no_answer(adapter, bank, answer):
    charge = make_charge(opened_at=NOON, now=NOON)
    bank.queued["inquiry"] += [answer, answer]
    assert isinstance(adapter.probe(charge), Unknown)


def test_counts_only_records_with_its_own_reference(adapter, bank):
    charge = make_charge(opened_at=NOON, now=NOON)
    bank.book(charge, day="2026-11-21", billPaymentRef1="SOMEBODYELSE")
    assert adapter.probe(charge) == Pending()


@pytest.mark.parametrize("amount", ["125.50", "125.5", 125.5, "0125.50", "+125.50", "1255E-1"])
def test_reads_amounts_in_every_form_that_senders_use(adapter, bank, amount):
    charge = make_charge(opened_at=NOON, now=NOON)
    bank.book(charge, day="2026-11-21", amount=amount)
    assert adapter.probe(charge).payments[0].amount == Money(12550, "THB")


def test_reads_a_whole_number_as_baht(adapter, bank):
    charge = make_charge(opened_at=NOON, now=NOON, amount=Money(12500, "THB"))
    bank.book(charge, day="2026-11-21", amount=125)
    assert adapter.probe(charge).payments[0].amount == Money(12500, "THB")


NO_AMOUNTS = [
    "125.505",
    125.505,
    "x",
    "",
    None,
    True,
    [],
    {},
    "NaN",
    "sNaN",
    "Infinity",
    "-125.50",
    -125.5,
    0,
    "0.00",
    "1e400",
    "1e999999999",
    10**30,
    "1" * 5000,
    "125,50",
]


@pytest.mark.parametrize(
    "changes",
    [
        *({"amount": amount} for amount in NO_AMOUNTS),
        {"currencyCode": "000"},
        {"currencyCode": None},
        {"transactionId": ""},
        {"transactionId": 5},
        {"transactionId": "A\x00"},
        {"transactionId": "A" * 65},
        {"billPaymentRef1": None},
        {"sendingBankCode": "\x00"},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_is_in_doubt_about_a_record_it_cannot_read(adapter, bank, changes):
    charge = make_charge(opened_at=NOON, now=NOON)
    bank.book(charge, day="2026-11-21", **changes)
    assert isinstance(adapter.probe(charge), Unknown)


@pytest.mark.parametrize("data", ["", "none", 0, 5, False, True, {}, {"records": []}, [None], [[]], ["x"]])
def test_is_in_doubt_when_the_answer_is_no_list_of_records(adapter, bank, data):
    bank.queued["inquiry"].append(lambda _: envelope(data))
    assert isinstance(adapter.probe(make_charge(opened_at=NOON, now=NOON)), Unknown)


def test_tells_money_that_went_back(adapter, bank):
    charge = make_charge(opened_at=NOON, now=NOON)
    bank.book(charge, day="2026-11-21", reverseFlag="R")
    assert adapter.probe(charge).payments[0].reversed


CONFIRMATION = (
    b'{"amount":"50","payeeName":"TestBiller","channelCode":"PMH","currencyCode":"764",'
    b'"transactionId":"202212073WjZwV4OnTKGd08","billPaymentRef1":"abc124","billPaymentRef2":"34534534"}'
)


def test_reads_a_confirmation_and_answers_what_the_bank_expects(adapter):
    hint = adapter.read_webhook(headers={}, body=CONFIRMATION, account=None, now=NOON)
    assert hint.answer == {
        "resCode": "00",
        "resDesc": "success",
        "transactionId": "202212073WjZwV4OnTKGd08",
    }
    assert (hint.provider_key, hint.provider_reference) == ("ABC124", "202212073WjZwV4OnTKGd08")


def test_believes_nothing_that_a_confirmation_says(adapter):
    assert adapter.read_webhook(headers={}, body=CONFIRMATION, account=None, now=NOON).payments == ()


def test_keeps_a_forged_confirmation_from_spending_a_true_ones_key(adapter):
    true = adapter.read_webhook(headers={}, body=CONFIRMATION, account=None, now=NOON)
    forged = adapter.read_webhook(
        headers={}, body=CONFIRMATION.replace(b"abc124", b"other"), account=None, now=NOON
    )
    assert true.dedupe_key != forged.dedupe_key


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"transactionId": 5, "billPaymentRef1": "A"}',
        b'{"transactionId": "", "billPaymentRef1": "A"}',
        b'{"transactionId": "A B", "billPaymentRef1": "A"}',
        b'{"transactionId": "A", "billPaymentRef1": "A\\u0000"}',
        b'{"transactionId": "A", "billPaymentRef1": "' + b"A" * 21 + b'"}',
        b"[" * 100_000,
    ],
)
def test_refuses_what_is_no_confirmation(adapter, body):
    with pytest.raises(WebhookMalformed):
        adapter.read_webhook(headers={}, body=body, account=None, now=NOON)


@pytest.fixture
def dripping(settings):
    """A server that accepts, then sends one byte now and then, until after five seconds its answer is whole."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve():
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
            while not over.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    settings.MPAC_SCB_BASE_URL = f"http://127.0.0.1:{server.getsockname()[1]}"
    yield
    over.set()
    thread.join(5)
    server.close()


def test_keeps_its_deadline_when_an_answer_drips(dripping):
    outcome = ScbAdapter(ScbClient()).probe(make_charge(opened_at=NOON, now=NOON, timeout_s=0.4))
    assert isinstance(outcome, Unknown)
    assert outcome.code.endswith("timeout")


def test_proves_that_nobody_was_there(settings):
    settings.MPAC_SCB_BASE_URL = "http://127.0.0.1:1"
    outcome = ScbAdapter(ScbClient()).create(make_charge())
    assert isinstance(outcome, NotProcessed)
    assert outcome.code == "token_not_reached"
