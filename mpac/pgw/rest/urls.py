"""The gateway's URLs, mounted under /v1."""

from django.urls import path

from mpac.pgw.rest import disputes, intents, partner_events, refunds, sync, webhook_endpoints, webhooks

urlpatterns = [
    path("payment-intents", intents.IntentsEndpoint.as_view()),
    path("payment-intents/<str:intent_id>", intents.OneIntentEndpoint.as_view()),
    path("payment-intents/<str:intent_id>/confirm", intents.ConfirmIntentEndpoint.as_view()),
    path("payment-intents/<str:intent_id>/cancel", intents.CancelIntentEndpoint.as_view()),
    path("payment-intents/<str:intent_id>/attempts", intents.IntentAttemptsEndpoint.as_view()),
    path("payment-intents/<str:intent_id>/events", intents.IntentEventsEndpoint.as_view()),
    path("payment-intents/<str:intent_id>/capture", intents.CaptureIntentEndpoint.as_view()),
    path("payment-intents/<str:intent_id>/captures", intents.IntentCapturesEndpoint.as_view()),
    path("payment-intents/<str:intent_id>/refunds", refunds.IntentRefundsEndpoint.as_view()),
    path("refunds/<str:refund_id>", refunds.OneRefundEndpoint.as_view()),
    path("disputes", disputes.DisputesEndpoint.as_view()),
    path("disputes/<str:dispute_id>", disputes.OneDisputeEndpoint.as_view()),
    path("webhooks/<str:provider>", webhooks.ProviderWebhookEndpoint.as_view()),
    path("webhooks/<str:provider>/<str:account>", webhooks.AccountWebhookEndpoint.as_view()),
    path("webhook-endpoints", webhook_endpoints.WebhookEndpointsEndpoint.as_view()),
    path("webhook-endpoints/<str:endpoint_id>", webhook_endpoints.OneWebhookEndpointEndpoint.as_view()),
    path(
        "webhook-endpoints/<str:endpoint_id>/rotate-secret", webhook_endpoints.RotateSecretEndpoint.as_view()
    ),
    path("webhook-endpoints/<str:endpoint_id>/resend", webhook_endpoints.ResendRangeEndpoint.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/deliveries", webhook_endpoints.DeliveriesEndpoint.as_view()),
    path(
        "webhook-deliveries/<str:delivery_id>/attempts", webhook_endpoints.DeliveryAttemptsEndpoint.as_view()
    ),
    path("events", partner_events.EventsEndpoint.as_view()),
    path("events/<str:event_id>", partner_events.OneEventEndpoint.as_view()),
    path("events/<str:event_id>/resend", partner_events.ResendEventEndpoint.as_view()),
    path("sync/merchants", sync.SyncMerchantsEndpoint.as_view()),
]
