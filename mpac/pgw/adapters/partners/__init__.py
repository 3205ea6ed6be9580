"""Partners' own servers: calls to the webhook endpoints that they have named."""
