"""`python -m simulator`: serve until interrupted."""

import os

import uvicorn

from simulator.app import create_app
from simulator.bank import Bank
from simulator.faults import BreakableProtocol
from simulator.settings import from_environment


def main() -> None:
    """Serve on the configured port; a hanging answer does not delay the end."""
    settings = from_environment(os.environ)
    uvicorn.run(
        create_app(Bank(settings)),
        host=settings.host,
        port=settings.port,
        http=BreakableProtocol,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
