"""The gateway's URLs, mounted under /v1."""

from django.urls import path

from mpac.pgw.rest import intents, refunds, sync, webhooks

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
    path("webhooks/<str:provider>", webhooks.WebhooksEndpoint.as_view()),
    path("webhooks/<str:provider>/<str:account>", webhooks.WebhooksEndpoint.as_view()),
    path("sync/merchants", sync.SyncMerchantsEndpoint.as_view()),
]
