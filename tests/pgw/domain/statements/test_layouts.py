"""A provider's settlement file ..."""

import datetime as dt

import pytest

from mpac.pgw.domain.statements.lines import LineKind
from mpac.pgw.domain.statements.profiles import PROFILES

ADYEN_HEADER = (
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,"
    "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),"
    "Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Payment Method Variant,"
    "Modification Merchant Reference,Batch Number,Reserved4,Reserved5,Reserved6,Reserved7,Reserved8,Reserved9\n"
)
# The sample of Adyen's documentation.
ADYEN_SAMPLE = (
    "TestCompany,TestMerchant,1813702551707653,3vpzf7,visa,2013-06-03 11:26:49,CET,Settled,1713702551795048,GBP,,5.00,1,"
    "GBP,,4.88,,0.04,0.01,0.07,visaclassic,,,,,,,,\n"
)
ADYEN_REST = (
    "Co,Shop,PSP1,KEY1,visa,2026-11-20 12:00:00,UTC,Refunded,MOD2,GBP,5.00,,1,GBP,5.10,,0.10,,,,,REKEY1,118,,,,,,\n"
    "Co,Shop,PSP1,KEY1,visa,2026-11-20 12:00:00,UTC,Chargeback,CB1,GBP,5.00,,1,GBP,20.00,,,15.00,,,,,118,,,,,,\n"
    "Co,Shop,PSP1,KEY1,visa,2026-11-20 12:00:00,PDT,ChargebackReversed,CB1,GBP,,5.00,1,GBP,,5.00,,,,,,,118,,,,,,\n"
    "Co,Shop,,,,2026-11-20 23:00:00,UTC,MerchantPayout,,,,,,GBP,39.20,,,,,,,,118,,,,,,\n"
    "Co,Shop,,,,2026-11-20 23:00:00,UTC,Balancetransfer,,,,,,GBP,,1.00,,,,,,,118,,,,,,\n"
)
STRIPE = (
    "automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created,available_on,currency,gross,fee,net,"
    "reporting_category,source_id,description,payment_intent_id,charge_id\n"
    "po_1,2026-11-21 00:00:00,txn_1,2026-11-20 09:30:00,2026-11-21 00:00:00,thb,125.50,5.07,120.43,charge,ch_1,A,pi_1,ch_1\n"
    "po_1,2026-11-21 00:00:00,txn_2,2026-11-20 10:30:00,2026-11-21 00:00:00,jpy,-500,0.00,-500,refund,re_1,,pi_2,ch_2\n"
    "po_1,2026-11-21 00:00:00,txn_3,2026-11-20 10:31:00,2026-11-21 00:00:00,thb,-10.00,15.00,-25.00,dispute,dp_1,,pi_1,ch_1\n"
    "po_1,2026-11-21 00:00:00,txn_4,2026-11-20 10:32:00,2026-11-21 00:00:00,thb,-1.00,0.00,-1.00,network_cost,,,,\n"
)
PAYPAL = (
    '"RH",2026/11/21 02:44:19 -0700,"A","ACCOUNT",009,\n'
    '"FH",01\n'
    '"SH",2026/11/20 00:00:00 -0700,2026/11/20 23:59:59 -0700,"","ACCOUNT"\n'
    '"CH","Transaction ID","Invoice ID","PayPal Reference ID","PayPal Reference ID Type","Transaction Event Code",'
    '"Transaction Initiation Date","Transaction Completion Date","Transaction  Debit or Credit",'
    '"Gross Transaction Amount","Gross Transaction Currency","Fee Debit or Credit","Fee Amount","Fee Currency",'
    '"Custom Field","Consumer ID"\n'
    '"SB","CAP1","","","","T0006",2026/11/20 00:01:17 -0700,,"CR",12550,"THB","DR",520,"THB","KEY1",""\n'
    '"SB","REF1","","CAP1","TXN","T1107",2026/11/20 01:00:00 -0700,,"DR",10000,"JPY","",,"","KEY1",""\n'
    '"SB","CB1","","CAP1","TXN","T1201",2026/11/20 02:00:00 -0700,2026/11/20 02:00:00 -0700,"DR",12550,"THB","",,"","",""\n'
    '"SB","OUT1","","","","T0400",2026/11/20 03:00:00 -0700,2026/11/20 03:00:00 -0700,"DR",9000,"THB","",,"","",""\n'
    '"SB","GIFT1","","","","T0000",2026/11/20 03:00:00 -0700,2026/11/20 03:00:00 -0700,"DR",3000,"THB","",,"","",""\n'
    '"SF","THB",12550,24550\n"SC",5\n"RF","THB",12550,24550\n"RC",5\n"FF",5\n'
)
PAYPAY_HEADER = (
    "決済番号,加盟店ID,屋号,店舗ID,店舗名,端末番号/PosID,取引ステータス,"
    "取引日時,取引金額,レシート番号,支払い方法,認証有効期限,マーチャント決済ID\n"
)
PAYPAY = (
    PAYPAY_HEADER
    + '04600123,M1,屋,S1,店,T1,取引完了,2026/11/20 12:34:56,"1,000",,PayPay残高,,KEY1\n'
    + "04600124,M1,屋,S1,店,T1,返金完了,2026/11/20 13:00:00,-333,,PayPay残高,,KEY1\n"
    + "04600125,M1,屋,S1,店,T1,取引失敗,2026/11/20 13:01:00,500,,PayPay残高,,KEY2\n"
)
KBANK = (
    "txnNo,partnerTxnUid,txnDateTime,txnStatus,txnAmount,txnCurrencyCode,feeAmount,netAmount,settlementDate\n"
    "KB1,KEY1,2026-11-20 12:00:00,PAID,125.50,THB,1.00,124.50,2026-11-21\n"
    "KB2,KEY2,2026-11-20T12:00:00+07:00,VOIDED,12.81,THB,,,2026-11-21\n"
)


def facts(line):
    return (
        line.kind,
        line.reference,
        line.payment_reference,
        line.our_reference,
        line.amount_minor,
        line.currency,
    )


def money(line):
    return line.amount_minor, line.fee_minor, line.net_minor, line.settled_currency


def at(*parts) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


def test_of_adyen_is_read_as_its_documentation_shows_it(read):
    [line] = read.lines(ADYEN_HEADER + ADYEN_SAMPLE, "adyen")
    assert facts(line) == (LineKind.PAYMENT, "1713702551795048", "1813702551707653", "3vpzf7", 500, "GBP")
    assert money(line) == (500, 12, 488, "GBP")
    assert line.occurred_at == at(2013, 6, 3, 9, 26, 49)
    assert (line.number, line.said) == (2, "Settled")


def test_of_adyen_tells_refunds_chargebacks_and_payouts_apart(read):
    refund, chargeback, won, payout, other = read.lines(ADYEN_HEADER + ADYEN_REST, "adyen")
    assert facts(refund) == (LineKind.REFUND, "MOD2", "PSP1", "KEY1", -500, "GBP")
    assert (refund.operation_reference, refund.batch, money(refund)) == (
        "REKEY1",
        "118",
        (-500, 10, -510, "GBP"),
    )
    assert facts(chargeback) == (LineKind.CHARGEBACK, "CB1", "PSP1", "KEY1", -500, "GBP")
    assert (won.kind, won.occurred_at) == (LineKind.CHARGEBACK_REVERSAL, at(2026, 11, 20, 19))
    assert facts(payout) == (LineKind.PAYOUT, "", "", "", -3920, "GBP")
    assert (other.kind, other.said, other.amount_minor) == (LineKind.ADJUSTMENT, "Balancetransfer", 100)


def test_of_stripe_knows_payments_by_their_intents(read):
    charge, refund, dispute, cost = read.lines(STRIPE, "stripe")
    assert facts(charge) == (LineKind.PAYMENT, "pi_1", "pi_1", "", 12550, "THB")
    assert (money(charge), charge.batch) == ((12550, 507, 12043, "THB"), "po_1")
    assert facts(refund) == (LineKind.REFUND, "re_1", "pi_2", "", -500, "JPY")
    assert facts(dispute) == (LineKind.CHARGEBACK, "dp_1", "pi_1", "", -1000, "THB")
    assert (cost.kind, cost.said, cost.amount_minor) == (LineKind.FEE, "network_cost", -100)


def test_of_paypal_counts_hundredths_and_has_its_signs_beside_the_amounts(read):
    sale, refund, chargeback, payout, gift = read.lines(PAYPAL, "paypal")
    assert facts(sale) == (LineKind.PAYMENT, "CAP1", "", "KEY1", 12550, "THB")
    assert money(sale) == (12550, 520, 12030, "THB")
    assert sale.occurred_at == at(2026, 11, 20, 7, 1, 17)
    assert facts(refund) == (LineKind.REFUND, "REF1", "CAP1", "KEY1", -100, "JPY")
    assert facts(chargeback) == (LineKind.CHARGEBACK, "CB1", "CAP1", "", -12550, "THB")
    assert [payout.kind, gift.kind] == [LineKind.PAYOUT, LineKind.ADJUSTMENT]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_of_paypay_is_read_in_its_encoding(read, encoding):
    wanted = {"encoding": "cp932"} if encoding == "cp932" else {}
    sale, refund, failed = read.lines(PAYPAY.encode(encoding), PROFILES["paypay"].adjusted(**wanted))
    assert facts(sale) == (LineKind.PAYMENT, "04600123", "", "KEY1", 1000, "JPY")
    assert sale.occurred_at == at(2026, 11, 20, 3, 34, 56)
    assert facts(refund) == (LineKind.REFUND, "04600124", "", "KEY1", -333, "JPY")
    assert failed.kind is LineKind.IGNORED


def test_of_kbank_gets_its_signs_from_what_its_lines_are_about(read):
    sale, void = read.lines(KBANK, "kbank")
    assert facts(sale) == (LineKind.PAYMENT, "KB1", "", "KEY1", 12550, "THB")
    assert money(sale) == (12550, 100, 12450, "THB")
    assert sale.occurred_at == void.occurred_at == at(2026, 11, 20, 5)
    assert facts(void) == (LineKind.REFUND, "KB2", "", "KEY2", -1281, "THB")


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (lambda text: text.replace('"SC",5', '"SC",4'), [(11, "count")]),
        (lambda text: text.replace('"RC",5', '"RC",6'), [(13, "count")]),
        (lambda text: text.replace('"RC",5', '"RC"'), [(13, "count")]),
        (lambda text: text.rpartition('"FF"')[0], [(13, "cut_off")]),
        (lambda text: text.replace('"SF","THB",12550,24550', '"SF","THB",12551,24550'), [(10, "sum")]),
        (lambda text: text.replace('"SF","THB",12550,24550', '"SF","THB",12550,0'), [(10, "sum")]),
        (lambda text: text.replace('"DR",9000', '"DR",9001'), [(10, "sum")]),
        (lambda text: text.partition('"SB","REF1"')[0], [(5, "cut_off")]),
        (lambda text: text.partition("\n")[2], [(1, "not_a_report")]),
        (lambda text: text + '"SB","X"\n', [(15, "not_a_report")]),
        (lambda text: text + '"RH",1\n', [(15, "not_a_report")]),
        (lambda text: text.replace('"SF"', '"XX"'), [(10, "row_type")]),
        (lambda text: text.replace('"Custom Field"', '"Other"'), [(4, "column_missing")]),
        (lambda text: text.replace('"CR",12550', '"",12550'), [(5, "direction")]),
        (lambda text: text.replace('"CR",12550', '"DR",12550').replace("T0006", "T1202"), [(5, "direction")]),
        (lambda text: text.replace("10000", "10001"), [(6, "amount_not_exact")]),
        (lambda text: text.replace('"CR",12550', '"CR",125.50'), [(5, "amount")]),
        (lambda text: text.replace('"SB","REF1"', '"SB",""'), [(6, "reference_missing")]),
        (lambda text: text.replace('"SB","REF1","","CAP1"', '"SB"'), [(6, "columns")]),
    ],
)
def test_of_paypal_that_is_cut_off_or_changed_is_refused(read, changed, found):
    assert read.faults(changed(PAYPAL), "paypal") == found


def test_of_adyen_knows_a_held_charge_by_our_key(read):
    line = (
        ADYEN_REST.splitlines(keepends=True)[0].replace("KEY1", "KEY1-hold").replace("REKEY1-hold", "CAPKEY1")
    )
    [capture] = read.lines(
        ADYEN_HEADER + line.replace("Refunded", "Settled").replace("5.00,,1", ",5.00,1"), "adyen"
    )
    assert (capture.our_reference, capture.operation_reference, capture.kind) == (
        "KEY1",
        "CAPKEY1",
        LineKind.PAYMENT,
    )


def test_of_adyen_may_be_settled_in_another_currency(read):
    line = ADYEN_SAMPLE.replace("GBP,,5.00,1,GBP,,4.88,", "JPY,,500,0.0053,GBP,,2.53,")
    [found] = read.lines(ADYEN_HEADER + line, "adyen")
    assert (found.currency, money(found)) == ("JPY", (500, 12, 253, "GBP"))


@pytest.mark.parametrize(
    ("profile", "content"),
    [
        ("adyen", ADYEN_HEADER + ADYEN_REST.replace("Balancetransfer", "Surprise")),
        ("stripe", STRIPE.replace("network_cost", "surprise")),
        ("paypal", PAYPAL.replace("T0400", "T9900")),
    ],
)
def test_with_a_kind_of_line_that_nobody_explained_says_so(read, profile, content):
    assert sum(line.kind is LineKind.OTHER for line in read.lines(content, profile)) == 1
