"""A column in the console..."""

import datetime as dt
import re
import uuid
from types import SimpleNamespace

import pytest

from kernel import ids
from kernel.admin.columns import BAD, GOOD, WAITING, KindIn, badge, column, identifier, label, may_be, tone
from mpac.smarttab.models import Order, OrderLine, OutboxMessage, Payment

KEY = uuid.UUID("01a1fd40-a586-7121-a85f-624b1fbf51d9")


def show(model, name, *, path="currency", kind=None, link=None, **values):
    made = column(model, name, currency=path, kind=kind, link=link)
    return re.sub(r"<[^>]*>", "", str(made(SimpleNamespace(**values))))


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (14550, "THB", "145.50 THB"),
        (1500, "JPY", "1,500 JPY"),
        (-5, "THB", "-0.05 THB"),
        (1234, "KWD", "1.234 KWD"),
    ],
)
def test_of_money_shows_major_units_with_the_currency(amount, currency, text):
    assert show(Order, "total_minor", total_minor=amount, currency=currency) == text


def test_of_money_without_an_amount_is_empty():
    assert show(Payment, "tendered_minor", tendered_minor=None, currency="THB") == "-"


def test_of_money_may_take_its_currency_from_elsewhere():
    order = SimpleNamespace(currency="THB")
    assert show(OrderLine, "total_minor", path="order.currency", total_minor=100, order=order) == "1.00 THB"


def test_of_a_state_is_words_in_a_tone():
    made = column(Payment, "status", currency="currency", kind=None, link=None)
    row = SimpleNamespace(status="partially_refunded")
    assert made(row) == '<span class="badge neutral">partially refunded</span>'
    assert [tone(word) for word in ("completed", "failed", "processing", "open")] == [
        *("good", "bad", "waiting", "neutral"),
    ]


def test_of_a_state_has_one_tone():
    assert not GOOD & BAD
    assert not GOOD & WAITING
    assert not BAD & WAITING


def test_escapes_what_it_shows():
    assert badge("<b>", tone_name="bad") == '<span class="badge bad">&lt;b&gt;</span>'
    shown = column(Order, "details", currency="currency", kind=None, link=None)
    assert "<script>" not in shown(SimpleNamespace(details={"note": "<script>"}))


def test_of_an_identifier_shows_it_as_the_api_does_and_leads_to_its_page():
    made = column(Payment, "bill", currency="currency", kind="bil", link=lambda kind, key: f"/{kind}/{key}")
    shown = made(SimpleNamespace(bill_id=KEY))
    assert shown == f'<a class="id" href="/bil/{KEY}">{ids.encode("bil", KEY)}</a>'
    assert show(Payment, "bill", kind="bil", bill_id=None) == "-"


def test_of_an_identifier_of_changing_kind_asks_the_row():
    told = KindIn("subject", {"payment": "pay"})
    assert told.of(SimpleNamespace(subject="payment")) == "pay"
    assert told.of(SimpleNamespace(subject="table")) == ""
    by_itself = KindIn("aggregate_id")
    text = ids.encode("ord", KEY)
    assert by_itself.of(SimpleNamespace(aggregate_id=text)) == "ord"
    assert (
        show(OutboxMessage, "aggregate_id", kind=by_itself, link=lambda _k, _v: "", aggregate_id=text) == text
    )


def test_knows_which_kinds_it_may_name():
    assert may_be("ord", "ord")
    assert not may_be("ord", "bil")
    assert may_be(KindIn("subject", {"bill": "bil"}), "bil")
    assert may_be(KindIn("aggregate_id"), "bil")
    assert not may_be(KindIn("aggregate_id"), "bil", sure=True)


def test_of_an_instant_tells_its_zone_and_to_the_millisecond_when_asked():
    bangkok = dt.timezone(dt.timedelta(hours=7))
    made = column(Order, "created_at", currency="currency", kind=None, link=None)
    shown = made(SimpleNamespace(created_at=dt.datetime(2026, 11, 21, 14, 5, 6, 789000, bangkok)))
    assert ">2026-11-21 07:05:06 UTC<" in shown
    assert 'datetime="2026-11-21T07:05:06.789Z"' in shown
    assert show(Payment, "completed_at", completed_at=None) == "-"


def test_of_a_day_is_written_as_everywhere():
    assert show(Order, "business_date", business_date=dt.date(2026, 1, 2)) == "2026-01-02"


def test_of_json_is_indented():
    assert "\n  " in show(Order, "details", details={"taxes": [1]})
    assert show(Order, "details", details={}) == "-"


def test_tells_live_from_test():
    assert [show(Payment, "livemode", livemode=value) for value in (True, False, None)] == [
        "live",
        "test",
        "-",
    ]


def test_of_another_type_is_left_to_django():
    assert column(Order, "channel", currency="currency", kind=None, link=None) == "channel"
    assert column(Order, "anything", currency="currency", kind=None, link=None) == "anything"


def test_has_a_name_in_words():
    assert [label(name) for name in ("id", "psp_id", "captured_minor", "public_jwk", "livemode")] == [
        *("ID", "PSP", "captured", "public JWK", "mode"),
    ]
    assert identifier("merchant", 7) == "7"
