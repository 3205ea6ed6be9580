"""The gateway's URLs, mounted under /v1."""

from django.urls import path

from mpac.pgw.rest import intents, sync, webhooks

urlpatterns = [
    path("payment-intents", intents.IntentsEndpoint.as_view()),
    path("payment-intents/<str:intent_id>", intents.OneIntentEndpoint.as_view()),
    path("payment-intents/<str:intent_id>/confirm", intents.ConfirmIntentEndpoint.as_view()),
    path("payment-intents/<str:intent_id>/cancel", intents.CancelIntentEndpoint.as_view()),
    path("payment-intents/<str:intent_id>/attempts", intents.IntentAttemptsEndpoint.as_view()),
    path("payment-intents/<str:intent_id>/events", intents.IntentEventsEndpoint.as_view()),
    path("webhooks/<str:provider>", webhooks.ProviderWebhookEndpoint.as_view()),
    path("webhooks/<str:provider>/<str:account>", webhooks.AccountWebhookEndpoint.as_view()),
    path("sync/merchants", sync.SyncMerchantsEndpoint.as_view()),
]
