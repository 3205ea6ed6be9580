"""The gateway's tables, one aggregate a file."""

from mpac.pgw.models.attempts import PaymentAttempt
from mpac.pgw.models.captures import Capture
from mpac.pgw.models.console import ConsoleEntry
from mpac.pgw.models.disputes import Dispute, DisputeEvent
from mpac.pgw.models.evidence import AttemptEvidence
from mpac.pgw.models.exceptions import ExceptionEvent, ReconciliationException
from mpac.pgw.models.intents import IntentEvent, PaymentIntent
from mpac.pgw.models.late_payments import LatePayment
from mpac.pgw.models.lookups import Currency, PaymentMethod
from mpac.pgw.models.mirror import ClientPartner, Merchant, Store, StoreProviderConfig
from mpac.pgw.models.partner_webhooks import DeliveryAttempt, PartnerEvent, WebhookDelivery, WebhookEndpoint
from mpac.pgw.models.plumbing import IdempotencyKey, InboxEntry, JobRun, Nonce, OutboxMessage
from mpac.pgw.models.refunds import Refund
from mpac.pgw.models.routing import ProviderBreaker, RoutingDecision, RoutingRules
from mpac.pgw.models.statements import StatementFile, StatementLine, StatementReference
from mpac.pgw.models.transactions import PaymentTransaction, ProviderReference
from mpac.pgw.models.webhooks import WebhookEvent, WebhookKey

__all__ = [
    "AttemptEvidence",
    "Capture",
    "ClientPartner",
    "ConsoleEntry",
    "Currency",
    "DeliveryAttempt",
    "Dispute",
    "DisputeEvent",
    "ExceptionEvent",
    "IdempotencyKey",
    "InboxEntry",
    "IntentEvent",
    "JobRun",
    "LatePayment",
    "Merchant",
    "Nonce",
    "OutboxMessage",
    "PartnerEvent",
    "PaymentAttempt",
    "PaymentIntent",
    "PaymentMethod",
    "PaymentTransaction",
    "ProviderBreaker",
    "ProviderReference",
    "ReconciliationException",
    "Refund",
    "RoutingDecision",
    "RoutingRules",
    "StatementFile",
    "StatementLine",
    "StatementReference",
    "Store",
    "StoreProviderConfig",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookKey",
]
