"""What the gateway refuses, and why.

NotFound                     a missing or foreign object; one message for all
Conflict
|-- IllegalIntentTransition  the intent's state does not lead there
|-- LatePaymentDecided       the late payment was decided otherwise
|-- CaptureExceedsHold       more than is held and not captured yet
|-- RefundExceedsCapture     more than was captured and is not given back yet
|-- RefundSpansCaptures      no single capture covers the amount
|-- RefundNotRetriable       the refund is not one that another may replace
|-- IllegalRefundTransition  the refund's state does not lead there
|-- NothingToAsk             the outcome is known, or people are waited for
|-- SecondPersonNeeded       this person has had a hand in it already
|-- EvidenceWaits            somebody's evidence waits for a second person
|-- EvidenceDecided          the evidence was agreed to, or refused
|-- ReferenceDiffers         the second person has seen another reference
|-- NothingToSettle          the provider is the one to say what became of it
|-- PaymentDisputed          the payer's bank takes this money back already
|-- StatementBusy            another run takes the statement in
|-- StatementProfileChanged  the statement was begun with another profile
|-- StatementDoesNotAddUp    what is stored of it is not what was read
|-- IllegalExceptionTransition  the exception's state does not lead there
|-- RulesOutdated            somebody has published other routing rules meanwhile
|-- TooManyEndpoints         the partner has as many webhook endpoints as one may have
|-- NobodyListens            no enabled endpoint wants the event
`-- EndpointDisabled         nothing is sent to a disabled endpoint
Invalid
|-- CurrencyNotAccepted, AmountTooSmall, AmountTooLarge, MethodNotSupported, StoreNotUsable, ProviderNotUsable
|-- CaptureNotSupported, PartialRefundNotSupported, ExpiryOutOfRange, CardNumberRefused
|-- PaymentTokenRequired, PaymentTokenRefused, PaymentTokenUnbound, PaymentTokenNotTaken, PaymentTokenUnused, ReturnUrlRefused
|-- WebhookMalformed, WebhookRefused, RulesRefused, NoteNeeded, StatementRefused
`-- WebhookUrlRefused, EventTypeUnknown, TooManyEvents, TooManyNotices
Unavailable
|-- WebhookUndecided         the certificate of a notice cannot be had at the moment
|-- AccountsBusy             as many calls are under way as the accounts may have
`-- AccountsResting          the breakers of all accounts are open, and the rules forbid to try
"""

from kernel.errors import Conflict, Invalid, Unavailable


class IllegalIntentTransition(Conflict):
    """The payment intent's present state does not allow that."""

    code = "illegal_transition"


class LatePaymentDecided(Conflict):
    """The late payment has been decided otherwise."""

    code = "late_payment_decided"


class CaptureExceedsHold(Conflict):
    """The amount is more than is held and not captured yet."""

    code = "capture_exceeds_authorized"


class RefundExceedsCapture(Conflict):
    """The amount is more than was captured and is not refunded yet."""

    code = "refund_exceeds_captured"


class RefundSpansCaptures(Conflict):
    """The payment was captured in parts and none of them covers the amount; refund them one by one."""

    code = "refund_spans_captures"


class RefundNotRetriable(Conflict):
    """The refund has not failed, or it was tried again already."""

    code = "refund_not_retriable"


class IllegalRefundTransition(Conflict):
    """The refund's present state does not allow that."""

    code = "illegal_transition"


class NothingToAsk(Conflict):
    """There is nothing left to ask the provider about this."""

    code = "nothing_to_ask"


class SecondPersonNeeded(Conflict):
    """Another person has to do this."""

    code = "second_person_needed"


class EvidenceWaits(Conflict):
    """Somebody has shown something already that waits for a second person; agree to it, or refuse it first."""

    code = "evidence_waits"


class EvidenceDecided(Conflict):
    """Somebody has decided about this evidence already."""

    code = "evidence_decided"


class ReferenceDiffers(Conflict):
    """That is not the reference that was shown. Compare both with what the bank or provider writes."""

    code = "reference_differs"


class NothingToSettle(Conflict):
    """What became of this is not for people to say: its provider has said it, or can be asked."""

    code = "nothing_to_settle"


class PaymentDisputed(Conflict):
    """The payer's bank takes this money back already. It is refunded when the dispute is won, or by losing it."""

    code = "payment_disputed"


class StatementBusy(Conflict):
    """Another run takes this statement in."""

    code = "statement_busy"


class StatementProfileChanged(Conflict):
    """This statement was begun with another profile; only that one takes it to its end."""

    code = "statement_profile_changed"


class StatementDoesNotAddUp(Conflict):
    """What is stored of this statement is not what was read from it. Nothing is called reconciled."""

    code = "statement_does_not_add_up"


class IllegalExceptionTransition(Conflict):
    """The exception's present state does not allow that."""

    code = "illegal_transition"


class NoteNeeded(Invalid):
    """A proposal names what it is, and a decision says why."""

    code = "note_needed"


class StatementRefused(Invalid):
    """The statement cannot be read and nothing of it was taken. Its row says which lines are wrong, and why."""

    code = "statement_refused"


class CurrencyNotAccepted(Invalid):
    """The currency is not accepted."""

    code = "currency_not_accepted"


class AmountTooSmall(Invalid):
    """The amount is below the limit for this currency and method."""

    code = "amount_too_small"


class AmountTooLarge(Invalid):
    """The amount is beyond the limit for this currency and method."""

    code = "amount_too_large"


class MethodNotSupported(Invalid):
    """The payment method is not supported."""

    code = "method_not_supported"


class StoreNotUsable(Invalid):
    """The store is not known to the gateway, or not active."""

    code = "store_not_usable"


class ProviderNotUsable(Invalid):
    """The store has no enabled provider for this method and currency."""

    code = "provider_not_usable"


class CaptureNotSupported(Invalid):
    """The provider cannot hold money for a later capture."""

    code = "capture_not_supported"


class PartialRefundNotSupported(Invalid):
    """The provider gives a payment back as a whole only."""

    code = "partial_refund_not_supported"


class ExpiryOutOfRange(Invalid):
    """The payment intent would expire too soon or too late."""

    code = "expiry_out_of_range"


class CardNumberRefused(Invalid):
    """Card numbers are not accepted in free text."""

    code = "card_number_refused"


class PaymentTokenRequired(Invalid):
    """This method needs a payment token of its provider."""

    code = "payment_token_required"


class PaymentTokenRefused(Invalid):
    """That is no payment token. A card's own number is never accepted."""

    code = "payment_token_refused"


class PaymentTokenUnbound(Invalid):
    """A payment token needs the name of the provider that it is of."""

    code = "payment_token_unbound"


class PaymentTokenNotTaken(Invalid):
    """The provider takes no payment token for this method."""

    code = "payment_token_not_taken"


class PaymentTokenUnused(Invalid):
    """A payment token is given with the confirmation that uses it; nothing keeps it until then."""

    code = "payment_token_unused"


class ReturnUrlRefused(Invalid):
    """A return address begins with https://, names a host and has at most 1024 characters."""

    code = "return_url_refused"


class WebhookMalformed(Invalid):
    """The notice is not one that this provider sends."""

    code = "webhook_malformed"


class WebhookRefused(Invalid):
    """The notice does not carry this provider's signature."""

    code = "webhook_refused"


class WebhookUndecided(Unavailable):
    """Whether this is the provider's notice cannot be found out at the moment; send it again."""

    code = "webhook_undecided"


class TooManyEndpoints(Conflict):
    """There are as many webhook endpoints as one partner may have; change or reuse one."""

    code = "too_many_endpoints"


class NobodyListens(Conflict):
    """No enabled webhook endpoint wants this type of event."""

    code = "nobody_listens"


class EndpointDisabled(Conflict):
    """The webhook endpoint is disabled; enable it first."""

    code = "endpoint_disabled"


class WebhookUrlRefused(Invalid):
    """The URL cannot be a webhook endpoint."""

    code = "webhook_url_refused"


class EventTypeUnknown(Invalid):
    """There is no such type of event."""

    code = "event_type_unknown"


class TooManyEvents(Invalid):
    """There are too many events in this range; narrow it down."""

    code = "too_many_events"


class TooManyNotices(Invalid):
    """There are too many notices like these; narrow it down."""

    code = "too_many_notices"


class RulesRefused(Invalid):
    """The routing rules are not right."""

    code = "rules_refused"


class RulesOutdated(Conflict):
    """Somebody else has published routing rules meanwhile."""

    code = "rules_outdated"


class AccountsBusy(Unavailable):
    """The provider is busy; try again in a moment."""

    code = "provider_busy"


class AccountsResting(Unavailable):
    """The provider does not answer well at the moment; try again soon."""

    code = "provider_resting"
