"""The process's connection to Redis, for hints that may be lost. Nothing here waits longer than 100 ms."""

from functools import lru_cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 0.1


@lru_cache(maxsize=1)
def redis_client() -> redis.Redis:
    """One pooled client per process: short timeouts and no retries, because every caller has a way without it."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
