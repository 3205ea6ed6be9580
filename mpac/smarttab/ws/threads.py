"""Database work of the realtime process: a few threads, each with its own connections, outside the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import close_old_connections

T = TypeVar("T")

THREADS = 4

_executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="realtime-db")


async def in_thread(function: Callable[[], T]) -> T:
    """Run `function` in one of the threads; connections that broke or served long enough are closed around it."""

    def guarded() -> T:
        close_old_connections()
        try:
            return function()
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_executor, guarded)
