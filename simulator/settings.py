"""What can be set about the simulator; the only module of it that reads the environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Times are seconds. The real bank repeats an unanswered callback after 12 s, this one sooner."""

    host: str = "127.0.0.1"
    port: int = 8002
    journal: Path | None = None
    callback_url: str = "http://127.0.0.1:8000/v1/webhooks/scb"
    callback_timeout_s: float = 10.0
    callback_retry_s: float = 2.0
    hang_s: float = 30.0
    late_s: float = 5.0
    shuffle_s: float = 1.0
    token_s: int = 1800
    ref3_prefix: str = "SCB"
    applications: Mapping[str, str] = field(default_factory=dict)
    draws_images: bool = True
    paypal_ca: Path | None = None  # where the authority behind PayPal's notices is written


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read `MPAC_SIM_*`; what is not set keeps its default. Raises ValueError when a value cannot be read."""
    platform_port = environ.get("MPAC_PORT", "8000")
    return Settings(
        host=environ.get("MPAC_SIM_HOST", Settings.host),
        port=int(environ.get("MPAC_SIM_PORT", Settings.port)),
        journal=_journal(environ),
        callback_url=environ.get(
            "MPAC_SIM_CALLBACK_URL", f"http://127.0.0.1:{platform_port}/v1/webhooks/scb"
        ),
        callback_timeout_s=float(environ.get("MPAC_SIM_CALLBACK_TIMEOUT_S", Settings.callback_timeout_s)),
        callback_retry_s=float(environ.get("MPAC_SIM_CALLBACK_RETRY_S", Settings.callback_retry_s)),
        hang_s=float(environ.get("MPAC_SIM_HANG_S", Settings.hang_s)),
        late_s=float(environ.get("MPAC_SIM_LATE_S", Settings.late_s)),
        shuffle_s=float(environ.get("MPAC_SIM_SHUFFLE_S", Settings.shuffle_s)),
        token_s=int(environ.get("MPAC_SIM_TOKEN_S", Settings.token_s)),
        ref3_prefix=environ.get("MPAC_SIM_SCB_REF3_PREFIX", Settings.ref3_prefix),
        applications=json.loads(environ.get("MPAC_SIM_SCB_APPLICATIONS", "{}")),
        paypal_ca=Path(named) if (named := environ.get("MPAC_SIM_PAYPAL_CA")) else None,
        draws_images=environ.get("MPAC_SIM_QR_IMAGE", "1") != "0",
    )


def _journal(environ: Mapping[str, str]) -> Path | None:
    """`MPAC_SIM_JOURNAL` (empty = memory only), else a file in the state directory if there is one."""
    if (named := environ.get("MPAC_SIM_JOURNAL")) is not None:
        return Path(named) if named else None
    state = Path(environ.get("MPAC_STATE_DIR") or environ.get("MPAC_STATE") or ".mpac")
    return state / "simulator.jsonl" if state.is_dir() else None
