"""The layouts that we know: what providers' settlement files look like, as far as one declaration says it."""

from typing import Final

from mpac.pgw.domain.statements.lines import LineKind
from mpac.pgw.domain.statements.mapping import Columns, Mapping

K = LineKind

# settlement_detail_report_batch_N.csv; fee and net are in the settled currency. A booking has its own reference, and that
# of the payment beside it.
ADYEN: Final = Mapping(
    name="adyen",
    provider="adyen",
    columns=Columns(
        reference=("Modification Reference", "Psp Reference"),
        payment_reference=("Psp Reference",),
        our_reference=("Merchant Reference",),
        operation_reference=("Modification Merchant Reference",),
        occurred_at=("Creation Date",),
        time_zone="TimeZone",
        kind="Type",
        currency="Gross Currency",
        credit="Gross Credit (GC)",
        debit="Gross Debit (GC)",
        fee=("Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)"),
        net_credit="Net Credit (NC)",
        net_debit="Net Debit (NC)",
        settled_currency="Net Currency",
        batch="Batch Number",
    ),
    kinds={
        "Settled": K.PAYMENT,
        "SettledBulk": K.PAYMENT,
        "Refunded": K.REFUND,
        "RefundedBulk": K.REFUND,
        "RefundedReversed": K.REFUND_REVERSAL,
        "Chargeback": K.CHARGEBACK,
        "ChargebackReversed": K.CHARGEBACK_REVERSAL,
        "SecondChargeback": K.SECOND_CHARGEBACK,
        "Fee": K.FEE,
        "MiscCosts": K.FEE,
        "InvoiceDeduction": K.FEE,
        "MerchantPayout": K.PAYOUT,
        "DepositCorrection": K.ADJUSTMENT,
        "ReserveAdjustment": K.ADJUSTMENT,
        "Balancetransfer": K.ADJUSTMENT,
    },
    other=K.OTHER,
    our_suffixes=("-hold",),  # of a charge that is to be held
    sign="columns",
    optional=("operation_reference", "batch"),
    evidence=True,
)

# payout_reconciliation.itemized.5, in the time zone that the report was asked for. A payment goes by its intent's id.
STRIPE: Final = Mapping(
    name="stripe",
    provider="stripe",
    columns=Columns(
        reference=("source_id",),
        payment_reference=("payment_intent_id", "charge_id"),
        occurred_at=("created",),
        kind="reporting_category",
        currency="currency",
        amount="gross",
        fee=("fee",),
        net="net",
        batch="automatic_payout_id",
    ),
    references={K.PAYMENT: ("payment_intent_id", "source_id")},
    kinds={
        "charge": K.PAYMENT,
        "refund": K.REFUND,
        "refund_failure": K.REFUND_REVERSAL,
        "dispute": K.CHARGEBACK,
        "dispute_reversal": K.CHARGEBACK_REVERSAL,
        "fee": K.FEE,
        "network_cost": K.FEE,
        "tax": K.FEE,
        "payout": K.PAYOUT,
        "payout_reversal": K.PAYOUT,
        "other_adjustment": K.ADJUSTMENT,
        "risk_reserved_funds": K.ADJUSTMENT,
        "topup": K.ADJUSTMENT,
        "topup_reversal": K.ADJUSTMENT,
    },
    other=K.OTHER,
    optional=("batch",),
    evidence=True,
)

# The transactions of PayPay for Business. A refund has a minus, and what failed moved no money.
PAYPAY: Final = Mapping(
    name="paypay",
    provider="paypay",
    columns=Columns(
        reference=("決済番号",),
        our_reference=("マーチャント決済ID", "加盟店決済ID"),
        operation_reference=("マーチャント決済ID", "加盟店決済ID"),
        occurred_at=("取引日時",),
        kind="取引ステータス",
        amount="取引金額",
    ),
    kinds={"取引完了": K.PAYMENT, "返金完了": K.REFUND, "取引失敗": K.IGNORED, "返金失敗": K.IGNORED},
    date_formats=("%Y/%m/%d %H:%M:%S", "iso"),
    time_zone="Asia/Tokyo",
    currency="JPY",
    thousands=",",
    evidence=True,
    lag_hours=24,
)

# The settlement of KBank's QR payments by the names of its API; files by contract extend this.
KBANK: Final = Mapping(
    name="kbank",
    provider="kbank",
    columns=Columns(
        reference=("txnNo",),
        our_reference=("partnerTxnUid",),
        operation_reference=("partnerTxnUid",),
        payment_reference=("origTxnNo",),
        occurred_at=("txnDateTime",),
        kind="txnStatus",
        currency="txnCurrencyCode",
        amount="txnAmount",
        fee=("feeAmount",),
        net="netAmount",
        batch="settlementDate",
    ),
    kinds={
        "PAID": K.PAYMENT,
        "SETTLED": K.PAYMENT,
        "VOIDED": K.REFUND,
        "CANCELLED": K.IGNORED,
        "EXPIRED": K.IGNORED,
    },
    time_zone="Asia/Bangkok",
    sign="kind",
    optional=("payment_reference", "fee", "net", "batch"),
    evidence=True,
    lag_hours=24,
)

LAYOUTS: Final = {layout.name: layout for layout in (ADYEN, STRIPE, PAYPAY, KBANK)}
