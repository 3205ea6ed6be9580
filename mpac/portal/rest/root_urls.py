"""Portal's addresses at the root, where the standards want them."""

from django.urls import path

from mpac.portal.rest import discovery

urlpatterns = [
    path(".well-known/jwks.json", discovery.JwksEndpoint.as_view()),
    path(".well-known/oauth-authorization-server", discovery.MetadataEndpoint.as_view()),
]
