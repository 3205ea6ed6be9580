"""What the person who starts the platform can choose, read from the environment once."""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from config.local.errors import LocalPlatformError, PortInUse

ROOT = Path(__file__).resolve().parent.parent.parent
HIGHEST_PORT = 65535
PORT_WAIT_S = 3.0
POLL_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Options:
    """Ports, places and servers. A server address that is given means that none is embedded."""

    state: Path
    port: int
    ws_port: int
    sim_port: int
    database_url: str
    redis_url: str
    admin_database_url: str
    first_sale: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises LocalPlatformError naming the variable that makes no sense."""
        return cls(
            state=Path(environment.get("MPAC_STATE") or ROOT / ".mpac").expanduser().absolute(),
            port=_port(environment, "MPAC_PORT", 8000),
            ws_port=_port(environment, "MPAC_WS_PORT", 8001),
            sim_port=_port(environment, "MPAC_SIM_PORT", 8002),
            database_url=environment.get("DATABASE_URL", ""),
            redis_url=environment.get("REDIS_URL", ""),
            admin_database_url=environment.get("MPAC_ADMIN_DATABASE_URL", ""),
            first_sale=environment.get("MPAC_FIRST_SALE", "1") != "0",
        )

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.ws_port}/ws/v1/terminal"

    @property
    def simulator_url(self) -> str:
        return f"http://127.0.0.1:{self.sim_port}"

    def require_ports(self) -> None:
        """Raises PortInUse with the variable to change. Waits a moment for a platform that is still going down."""
        ports = {"MPAC_PORT": self.port, "MPAC_WS_PORT": self.ws_port, "MPAC_SIM_PORT": self.sim_port}
        if len(set(ports.values())) < len(ports):
            raise PortInUse("MPAC_PORT, MPAC_WS_PORT and MPAC_SIM_PORT must be three different ports.")
        deadline = time.monotonic() + PORT_WAIT_S
        for variable, port in ports.items():
            while not _is_free(port):
                if time.monotonic() > deadline:
                    raise PortInUse(
                        f"Port {port} is in use. Choose another one with {variable}, e.g. {variable}={port + 1000}."
                    )
                time.sleep(POLL_S)


def _port(environment: Mapping[str, str], variable: str, default: int) -> int:
    text = environment.get(variable) or str(default)
    if not text.isdecimal() or not 0 < int(text) <= HIGHEST_PORT:
        raise LocalPlatformError(f"{variable} must be a port number, not {text!r}.")
    return int(text)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
